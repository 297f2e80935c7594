"""A source and a sink for vad-edge."""
