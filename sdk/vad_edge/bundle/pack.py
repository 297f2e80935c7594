"""The camera pack: what one camera adds to a bundle, and whether it was made for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import Self

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.calibration import Calibration
from vad_edge.bundle.levels import Accumulation, AlarmLevels
from vad_edge.bundle.manifest import Graph, Sha256
from vad_edge.common.explain import first_problem, system_errors_as
from vad_edge.common.files import write_atomically
from vad_edge.common.verdict import Verdict
from vad_edge.errors import BundleError

PACK_SCHEMA_VERSION: Final = 1
_RECALIBRATE: Final = "calibrate the camera again for this bundle"

VIDEO_ALONE: Final = ""


class PackedStream(BaseModel):
    """A sensor stream that the levels were calibrated with: its weight then, and what it had learned."""

    model_config = ConfigDict(extra="allow", frozen=True)

    weight: float = Field(ge=0)
    learned: dict[str, Any]


class KnownView(BaseModel):
    """What a camera looks at in one kind of light: the edges of a small copy of its picture.

    edges are 36 rows of 64 strengths; light is the copy's mean grey level, sharpness how fine its detail is.
    No person can be recognised in it.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    edges: list[list[int]] = Field(min_length=36, max_length=36)
    light: float = Field(ge=0, le=255)
    sharpness: float = Field(ge=0)

    @model_validator(mode="after")
    def _rows_are_whole(self) -> Self:
        if any(len(row) != 64 for row in self.edges):
            raise ValueError("edges must be 36 rows of 64")
        return self


class CameraPack(BaseModel):
    """One camera's `*.vadc` file.

    graph_sha256, precision and fps name the graph and rate the calibration was made with. weight holds the
    per-place weights (h rows of w), None for all ones; masks are the polygons whose places weigh nothing.
    decode_width is the width that wider pictures were scaled to where they were decoded, None for their own.
    levels keep an alarm budget, None where only the scores were calibrated. sensors are the streams behind
    the levels, by name: no other may add to the risk of a camera that keeps a budget. partial_levels are for
    when one of them, by its name, cannot be believed, and under `VIDEO_ALONE` for when more cannot.
    accumulation is how evidence was accumulated. views are what the camera looked at, by colour and by the
    grey of infra-red. created is an ISO 8601 time.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    schema_version: Literal[1] = PACK_SCHEMA_VERSION
    camera: str = Field(min_length=1, max_length=64)
    graph_sha256: Sha256
    precision: Literal["fp32", "fp16", "int8"]
    fps: float = Field(gt=0)
    calibration: Calibration
    weight: list[list[float]] | None = None
    masks: tuple[tuple[tuple[float, float], ...], ...] = ()
    decode_width: int | None = None
    levels: AlarmLevels | None = None
    sensors: dict[str, PackedStream] = {}
    partial_levels: dict[str, AlarmLevels] = {}
    accumulation: Accumulation | None = None
    views: dict[Literal["colour", "grey"], KnownView] = Field(default_factory=dict)
    created: str

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if self.calibration.fps != self.fps:
            raise ValueError(f"fps is {self.fps:g}, its calibration's {self.calibration.fps:g}")
        rows = self.weight
        if rows is not None:
            if not rows or not rows[0] or any(len(row) != len(rows[0]) for row in rows):
                raise ValueError("weight must be rows of one length")
            if not all(0.0 <= value < float("inf") for row in rows for value in row):
                raise ValueError("weights must be finite and not negative")
        return self


def masks_fit(pack: CameraPack, masks: Sequence[Sequence[tuple[float, float]]]) -> Verdict:
    """Whether `pack` was made with these ignore masks, in whatever order."""
    own, given = (sorted(tuple(map(tuple, mask)) for mask in found) for found in (pack.masks, masks))
    if own == given:
        return Verdict(True)
    reason = f"it was made with {len(own)} ignore masks, and the site file has {len(given)}"
    if len(own) == len(given):
        reason = "it was made with other ignore masks than those of the site file"
    return Verdict(False, reason, "calibrate the camera again with --config, or put the masks back")


def pack_fits(pack: CameraPack, bundle: Bundle, graph: Graph) -> Verdict:
    """Whether `pack` was made for `graph` of `bundle`, at its frame rate and with its cues and map."""
    manifest = bundle.manifest
    if pack.graph_sha256 != manifest.members[graph.member]:
        return Verdict(False, f"it was made for another graph than {graph.member!r}", _RECALIBRATE)
    if pack.precision != graph.precision:
        return Verdict(
            False, f"it was made at {pack.precision}, the graph runs {graph.precision}", _RECALIBRATE
        )
    if pack.fps != manifest.clock.fps:
        reason = f"it was made at {pack.fps:g} fps, the model runs {manifest.clock.fps:g}"
        return Verdict(False, reason, _RECALIBRATE)
    if set(pack.calibration.cues) != set(manifest.cues):
        made, runs = ", ".join(pack.calibration.cues), ", ".join(manifest.cues)
        return Verdict(False, f"it calibrates {made}, the model has {runs}", _RECALIBRATE)
    if pack.weight is not None:
        size = (len(pack.weight), len(pack.weight[0]))
        if size != (manifest.map_height, manifest.map_width):
            expected = f"{manifest.map_height}x{manifest.map_width}"
            return Verdict(False, f"its weights are {size[0]}x{size[1]}, the map is {expected}", _RECALIBRATE)
    return Verdict(True)


def write_pack(path: Path, pack: CameraPack) -> None:
    """Write a pack; a crash leaves the old file or the new one. Raises BundleError where it cannot."""
    with system_errors_as(BundleError, "cannot be written", path, fix="choose another place"):
        write_atomically(path, pack.model_dump_json(indent=1).encode())


def read_pack(path: Path) -> CameraPack:
    """Read a pack. Raises BundleError for a file that is missing, broken or of an unknown version."""
    with system_errors_as(BundleError, "cannot be read", path, fix="give a .vadc file"):
        text = path.read_bytes()
    try:
        fields: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"it is not JSON: {error}", where=str(path), fix=_RECALIBRATE) from error
    version = fields.get("schema_version") if isinstance(fields, dict) else None
    if type(version) is int and version > PACK_SCHEMA_VERSION:
        what = f"made by a newer vad-edge: its schema is {version}, this one knows {PACK_SCHEMA_VERSION}"
        raise BundleError(what, where=str(path), fix="update vad-edge on this machine")
    try:
        return CameraPack.model_validate(fields)
    except ValidationError as error:
        raise BundleError(first_problem(error, whole="pack"), where=str(path), fix=_RECALIBRATE) from error
