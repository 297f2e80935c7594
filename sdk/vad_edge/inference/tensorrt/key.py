"""What an engine was compiled from and for; another value of any part makes it another engine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from vad_edge.bundle.verdict import Verdict

_WORDS: Final[Mapping[str, str]] = {
    "graph_sha256": "it was compiled from graph {found:.12}, this is graph {wanted:.12}",
    "precision": "it is {found}, asked for is {wanted}",
    "flavour": "it was built by {found}, here is {wanted}",
    "flavour_version": "it was built by version {found}, here is version {wanted}",
    "device": "it was built for {found}, this is {wanted}",
    "capability": "it was built for compute capability {found}, this is {wanted}",
    "driver": "it was built under driver {found}, here is {wanted}",
    "batch": "it was built for a batch of {found}, asked for is {wanted}",
    "workspace_mb": "it was built with {found} MB of workspace, asked for are {wanted} MB",
    "dla": "it was built with DLA {found}, asked for is {wanted}",
}


@dataclass(frozen=True, slots=True)
class EngineKey:
    """The parts that decide what an engine is.

    device is the name of the GPU with its board, or the ahead-of-time target; capability is such as
    ``8.7``; driver is empty where it cannot be read, and ahead of time.
    """

    graph_sha256: str
    precision: str
    flavour: str
    flavour_version: str
    device: str
    capability: str
    driver: str
    batch: int
    workspace_mb: int
    dla: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EngineKey:
        """The key that `to_dict` gave. Raises ValueError for a missing, extra or ill-typed part."""
        types = {"batch": int, "workspace_mb": int, "dla": bool}
        names = [field.name for field in fields(cls)]
        if set(values) != set(names):
            raise ValueError(f"its key has {sorted(values)}, not {sorted(names)}")
        for name in names:
            if type(values[name]) is not types.get(name, str):
                raise ValueError(f"{name} of its key is {values[name]!r}")
        return cls(**values)

    def digest(self) -> str:
        """A sha256 that is the same in every process."""
        parts = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(parts.encode()).hexdigest()


def engine_fits(found: EngineKey, wanted: EngineKey) -> Verdict:
    """Whether the engine with the key `found` may be used as `wanted`; the reason is the first difference."""
    for name, words in _WORDS.items():
        there, here = getattr(found, name), getattr(wanted, name)
        if there != here:
            text = words.format(found=_plain(there), wanted=_plain(here))
            fix = f"compile it here: vad-edge compile --bundle BUNDLE --precision {wanted.precision}"
            return Verdict(False, text, f"{fix} --batch {wanted.batch}")
    return Verdict(True)


def _plain(value: object) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value) or "unknown"
