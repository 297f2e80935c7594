"""Checking everything an engine does on this machine, for a report that its owner can send back."""
