"""Who may let what be done: the team's policy, and the gate that every approval passes."""
