from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A shared machine may take a second where an idle one takes a millisecond.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# In an order in which none imports one that comes after it: pytest rewrites what it registers first.
pytest_plugins = [
    "tests.support.browser",
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

ROOT = Path(__file__).parent

STAND_INS = frozenset(
    {"any_broker", "connect", "listen", "machine", "mosquitto", "network", "new_mosquitto", "proxied", "rtsp",
     "browser", "ffmpeg", "serve", "service", "small_disk", "wheelhouse", "wheels", "meet",
     "calibrated_bundle"}
)  # fmt: skip
"""Fixtures that start a process or a server, or train or calibrate something."""

SLOW_FOLDERS = (
    "integration",
    "export",
    "devices/provision",
    "training/models",
    "training/distill",
    "training/fit",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what starts processes, stand-ins or trainings: `make test-fast` leaves it out."""
    slow = [ROOT / folder for folder in SLOW_FOLDERS]
    for item in items:
        starts = STAND_INS.intersection(getattr(item, "fixturenames", ()))
        processes = hasattr(getattr(item, "module", None), "subprocess")
        if starts or processes or any(folder in item.path.parents for folder in slow):
            item.add_marker(pytest.mark.slow)
