"""Programs that carry our MQTT topics into building systems; each runs apart from the watching process."""
