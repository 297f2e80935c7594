"""Models that obey the step-graph contract."""
