"""Declared sensor streams: parsing, clocks, staleness and each stream's own baseline."""
