"""The model bundle and the camera pack: formats and verification."""
