"""Every model at a size that tests can afford."""

from __future__ import annotations

from typing import Any

TINY: dict[str, dict[str, Any]] = {
    "student": {"height": 32, "width": 48, "channels": 8},
    "mnad": {"height": 32, "width": 48, "widths": (4, 8, 8, 16), "items": 4},
}
