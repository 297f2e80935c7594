"""One run in a fresh process, as JSON on standard output."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil


def main(bundle_path: str, clip: str) -> None:
    from vad_edge.bundle.archive import read_bundle
    from vad_edge.config.site import CameraConfig, SiteConfig
    from vad_edge.report.observer import FrameResult, Observer
    from vad_edge.runtime.loop import run
    from vad_edge.runtime.settings import RunSettings

    class FirstScore(Observer):
        """Notes when the first valid score came, in seconds since the process began."""

        seconds: float | None = None

        def on_frame(self, result: FrameResult) -> None:
            if self.seconds is None and result.scored is not None and result.scored.surprise is not None:
                self.seconds = time.time() - psutil.Process().create_time()

    first = FirstScore()
    site = SiteConfig(camera=(CameraConfig(name="bench", source=clip),))
    with TemporaryDirectory() as folder:
        settings = RunSettings(site, read_bundle(Path(bundle_path)), output=Path(folder))
        summary = run(settings, [first])
    found = {
        **summary.to_dict(),
        "process_to_first_score_s": first.seconds,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
