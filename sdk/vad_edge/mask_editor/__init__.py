"""A local page on which masks and zones are drawn."""
