"""Pictures and clips of incidents, within the limits of privacy and disk."""
