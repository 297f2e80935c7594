"""A small student that learns from teachers."""
