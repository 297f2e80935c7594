"""The check of every engine a machine can run."""
