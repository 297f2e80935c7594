"""Lower precision: graphs in FP16 and INT8, and the gate they must pass."""
