"""A procedural scene: synthetic footage of a walkway, with exact labels and sensors of the same story."""
