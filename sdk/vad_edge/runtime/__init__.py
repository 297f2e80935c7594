"""The run: every room wired to the next, and the loop that carries a frame from source to event."""
