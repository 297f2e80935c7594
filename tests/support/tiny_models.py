"""Every model at a size that tests can afford."""

from __future__ import annotations

from typing import Any

TINY: dict[str, dict[str, Any]] = {
    "student": {"height": 32, "width": 48, "pictures": 3, "components": 2},
    "distilled": {"height": 32, "width": 48, "pictures": 3, "components": 2, "channels": 4},
    "predictor": {"height": 32, "width": 48, "channels": 8},
    "mnad": {"height": 32, "width": 48, "widths": (4, 8, 8, 16), "items": 4},
    "clustering": {
        "height": 32,
        "width": 64,
        "channels": 12,
        "depths": (2, 2),
        "heads": (2, 3),
        "side": 4,
        "clusters": 6,
        "maps": 3,
    },
    "dissociation": {"height": 32, "width": 48, "widths": (4, 8, 8, 16), "clusters": 4},
    "dlan_ac": {"height": 32, "width": 48, "widths": (4, 8, 8), "side": 3, "updates": 50},
    "smdnet": {"height": 32, "width": 48, "widths": (4, 8, 8), "items": 4},
    "fusion_stream": {"height": 32, "width": 48, "widths": (8, 8, 16), "items": 4},
}
