pytest_plugins = [
    "tests.support.ffmpeg",
    "tests.support.l4t",
    "tests.support.listening",
    "tests.support.mosquitto",
    "tests.support.service_manager",
    "tests.support.sshd",
    "tests.support.tiny_bundle",
    "tests.support.wheels",
]
