"""A stand-in for a camera."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.sdk.cameras.onvif_server import OnvifServer


@pytest.fixture
def camera() -> Iterator[OnvifServer]:
    """A camera that wants WS-Security."""
    server = OnvifServer()
    yield server
    server.close()
