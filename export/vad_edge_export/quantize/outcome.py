"""What becomes of a lowered graph: it is shipped, or it is refused."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from vad_edge.bundle.manifest import Precision
from vad_edge_export.quantize.gate import LoweringLoss

Backend = Literal["onnxruntime", "tensorrt", "any"]


@dataclass(frozen=True, slots=True)
class Lowered:
    """One lowered graph: its size, what it costs, and the layers that were left in fp32."""

    precision: Precision
    backend: Backend
    bytes: int
    cost: LoweringLoss
    kept_fp32: tuple[str, ...]
    tested: dict[str, float] | None = None

    def measured(self) -> dict[str, float]:
        """What the manifest keeps of it."""
        return {f"trial_{name}": value for name, value in asdict(self.cost).items()} | (self.tested or {})


@dataclass(frozen=True, slots=True)
class Refused:
    """One lowered graph that is left out: what it lost, or what cannot be, and what to do."""

    precision: Precision
    backend: Backend
    reason: str
    fix: str

    @property
    def title(self) -> str:
        """What people call the graph."""
        return graph_title(self.precision, self.backend)

    def __str__(self) -> str:
        """The reason and what to do."""
        return f"{self.reason}; {self.fix}"


def graph_title(precision: Precision, backend: Backend) -> str:
    """What people call a graph: ``fp16``, ``int8 for tensorrt``."""
    return precision if backend == "any" else f"{precision} for {backend}"
