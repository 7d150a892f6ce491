"""The data set and the training of the students: from nothing to weights, each step a command that can be resumed."""
