"""Footage and its labels."""
