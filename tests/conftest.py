pytest_plugins = [
    "tests.support.l4t",
    "tests.support.mosquitto",
    "tests.support.tiny_bundle",
    "tests.support.wheels",
]
