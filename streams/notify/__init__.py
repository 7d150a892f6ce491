"""Telling people, by Slack and mail, what is suggested, what became of a change and what needs them."""
