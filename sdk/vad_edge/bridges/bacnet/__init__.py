"""The cameras as a BACnet/IP device."""
