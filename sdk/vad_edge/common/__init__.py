"""Small things that every room may use: files, identifiers, verdicts, retries, processes."""
