"""vad-edge: video anomaly detection on the edge, with an alarm budget instead of a threshold."""

__version__ = "0.1.0"
