pytest_plugins = [
    "tests.support.mosquitto",
    "tests.support.listening",
    "tests.support.ffmpeg",
    "tests.support.tiny_bundle",
]
