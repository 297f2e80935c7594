"""What cameras say of themselves by ONVIF: found, described, their own events, their relays."""
