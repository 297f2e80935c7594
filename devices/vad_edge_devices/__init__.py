"""Boards: what they are, how to find, flash and provision them."""
