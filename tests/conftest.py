pytest_plugins = ["tests.support.mosquitto", "tests.support.tiny_bundle"]
