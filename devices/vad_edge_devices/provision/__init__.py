"""Bringing a release to a board that already runs, over SSH: look, plan, do."""
