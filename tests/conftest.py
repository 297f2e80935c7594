pytest_plugins = ["tests.support.mosquitto", "tests.support.listening", "tests.support.tiny_bundle"]
