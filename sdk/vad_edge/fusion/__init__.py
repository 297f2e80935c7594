"""Evidence to risk, risk to a warning level."""
