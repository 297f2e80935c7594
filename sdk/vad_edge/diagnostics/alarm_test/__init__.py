"""The commissioning test of everything behind an alarm."""
