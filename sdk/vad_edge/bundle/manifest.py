"""The manifest of a bundle: what is in it and how it must be run."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from vad_edge.bundle.calibration import Calibration

SCHEMA_VERSION: Final = 1

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
MemberName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")]
Precision = Literal["fp32", "fp16", "int8"]
CueName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class Clock(_Part):
    """The model's time: every source is resampled to fps.

    warmup_frames scores after a reset are not valid yet; a score belongs to the frame delay_frames before
    the newest; a gap longer than max_gap_s resets the state.
    """

    fps: float = Field(gt=0, le=240)
    warmup_frames: int = Field(ge=0)
    delay_frames: int = Field(ge=0, default=0)
    max_gap_s: float = Field(gt=0, default=2.0)


class StateTensor(_Part):
    """One state tensor without its batch axis.

    The graph's input is called name, its output name + "_next". initial is the member that holds the
    trained initial value as a .npy file of that shape; the graph itself uses it on reset.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Literal["float32", "float16", "uint8", "bool"] = "float32"
    initial: MemberName | None = None


class Graph(_Part):
    """One lowered form of the model: the member that holds it, and what may run it.

    calibration is what this very graph scored on normal footage: a lower precision moves the scores a
    little, so each has its own. measured is what lowering cost beside fp32, and AUCs on labelled clips by
    protocol.
    """

    member: MemberName
    precision: Precision
    backend: Literal["onnxruntime", "tensorrt", "any"] = "any"
    calibration: Calibration | None = None
    measured: dict[str, float] = {}


class Provenance(_Part):
    """Where the bundle comes from; metrics name their protocol in the key.

    model is the training package's name of the model. fold, such as 1/5, says which labelled anomalies of
    the dataset it has seen, empty for none. fitted_footage holds the fingerprints (sha256) of the clips it
    was fitted on: a camera is calibrated on others.
    """

    created: str
    code_version: str
    model: str = ""
    fold: str = ""
    trained_on: str = ""
    data_fingerprint: str = ""
    fitted_footage: tuple[Sha256, ...] = ()
    synthetic: bool = False
    license: str = ""
    metrics: dict[str, float] = {}
    parity: dict[str, float] = {}
    notes: str = ""


class Manifest(_Part):
    """`manifest.json` of a bundle.

    height and width are the graph's H and W; map_height and map_width its h and w. cues are the columns
    of the score. members maps every other file of the archive to its sha256.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    name: str = Field(min_length=1, max_length=64)
    height: int = Field(ge=16, le=4096)
    width: int = Field(ge=16, le=4096)
    map_height: int = Field(ge=1)
    map_width: int = Field(ge=1)
    clock: Clock
    cues: tuple[CueName, ...] = Field(min_length=1)
    states: tuple[StateTensor, ...] = ()
    graphs: tuple[Graph, ...] = Field(min_length=1)
    provenance: Provenance
    members: dict[MemberName, Sha256]
