"""From footage of normal life to a camera pack: how rare each score is, and which level keeps a budget."""
