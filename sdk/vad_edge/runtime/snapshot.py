"""A picture of what a camera sees, as JPEG, with no more in it than the site keeps of the scene."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vad_edge.config.site import Keeping
from vad_edge.evidence.images import blurred, jpeg
from vad_edge.fusion.fuse import Risk
from vad_edge.fusion.machine import Level
from vad_edge.report.drawing import Caption, annotate
from vad_edge.scoring.regions import Region, span
from vad_edge.video.frame import Frame

MAX_WIDTH = 1280


def photograph(
    camera: str,
    shown: Frame,
    heat: NDArray[np.float32] | None,
    keeping: Keeping,
    *,
    level: Level,
    risk: Risk | None,
    regions: Sequence[Region] = (),
) -> bytes:
    """The annotated frame, at most `MAX_WIDTH` wide; takes some milliseconds.

    shown has its masks burned in; heat is the error map (h, w). keeping ``heatmap`` shows the heat and
    nothing of the picture, ``blurred`` no recognisable person. Raises ValueError for ``none``.
    """
    if keeping == "none":
        raise ValueError("nothing of this scene may be shown")
    image = shown.image
    shades = (0.0, 1.0)
    if keeping == "blurred":
        image = blurred(image)
    if keeping == "heatmap":
        image = np.zeros_like(image)
        if heat is not None:
            shades = span(heat)
    caption = Caption(camera, shown.time_s, level, risk, ())
    shown_heat = heat if keeping == "heatmap" else None
    return jpeg(annotate(image, shown_heat, shades, regions, caption, max_width=MAX_WIDTH))
