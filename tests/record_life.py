"""Makes the life of `vad-edge simulate`: `python -m tests.record_life OUT.npz BUNDLE ABOUT CLIP...`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vad_edge.bundle.archive import Bundle, read_bundle
from vad_edge.bundle.calibration import SUM_OF_ALL
from vad_edge.calibration.recorded_scores import RecordedScores, write_recorded_scores
from vad_edge.calibration.scores import Stretch, score_footage
from vad_edge.scoring.tail import counted_cues


def life_of(bundle: Bundle, stretches: Sequence[Stretch], about: str) -> RecordedScores:
    """What the cues that count said, joined as the bundle's fp32 graph joins them."""
    manifest = bundle.manifest
    calibration = bundle.graph("fp32").calibration
    joining = calibration.joining if calibration else SUM_OF_ALL
    cues = counted_cues(joining, manifest.cues)
    columns = [manifest.cues.index(cue) for cue in cues]
    kept = tuple(
        replace(stretch, clip=Path(stretch.clip).stem, scores=stretch.scores[:, columns])
        for stretch in stretches
    )
    return RecordedScores(
        tuple(cues),
        manifest.clock.fps,
        kept,
        about,
        joining=joining.model_copy(update={"counted": ()}),
    )


def main(output: str, bundle: str, about: str, *clips: str) -> None:
    opened = read_bundle(Path(bundle))
    footage = score_footage(opened, clips, precision="fp32")
    write_recorded_scores(Path(output), life_of(opened, footage.stretches, about), small=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
