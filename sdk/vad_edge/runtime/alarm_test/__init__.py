"""A commissioning test: whether an alarm arrives, station by station."""
