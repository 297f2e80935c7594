"""Frames in: sources, the reader thread, resampling and the validity check."""
