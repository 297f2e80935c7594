from hypothesis import HealthCheck, settings

# A shared machine may take a second where an idle one takes a millisecond.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# In an order in which none imports one that comes after it: pytest rewrites what it registers first.
pytest_plugins = [
    "tests.support.mosquitto",
    "tests.support.plugins",
    "tests.support.event_stories",
    "tests.support.ffmpeg",
    "tests.support.l4t",
    "tests.support.listening",
    "tests.support.service_manager",
    "tests.support.small_disk",
    "tests.support.sshd",
    "tests.support.tiny_bundle",
    "tests.support.wheels",
]
