"""The one MQTT client, topic names and the embedded broker."""
