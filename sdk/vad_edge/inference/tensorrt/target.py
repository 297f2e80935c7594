"""What an engine is compiled for: this machine's GPU, or a kind of RTX GPU that need not be here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vad_edge.bundle.verdict import Verdict
from vad_edge.errors import ConfigError
from vad_edge.inference.tensorrt.capabilities import Capabilities

LOCAL: Final = "local"
_RTX: Final[Mapping[str, str]] = {
    "rtx-sm75": "7.5",
    "rtx-sm80": "8.0",
    "rtx-sm86": "8.6",
    "rtx-sm89": "8.9",
    "rtx-sm120": "12.0",
    "rtx-sm121": "12.1",
}
KNOWN: Final = (LOCAL, *_RTX)
"""The name of every target."""


@dataclass(frozen=True, slots=True)
class Target:
    """A compile target; capability is the GPU's, such as ``8.6``, and empty for the one that is here."""

    name: str
    capability: str = ""

    @property
    def ahead_of_time(self) -> bool:
        """Whether the GPU need not be here."""
        return bool(self.capability)

    @property
    def flavour(self) -> str:
        """The TensorRT that can compile for it, for `load_flavour`."""
        return "tensorrt-rtx" if self.ahead_of_time else "auto"

    @property
    def member(self) -> str:
        """TensorRT's own name for it, a member of ComputeCapability."""
        return f"SM{self.capability.replace('.', '')}" if self.ahead_of_time else "CURRENT"


def parse_target(text: str) -> Target:
    """The target of this name. Raises ConfigError, naming those there are, for another."""
    if text not in KNOWN:
        raise ConfigError(f"there is no target {text!r}", where="--target", fix=f"give {', '.join(KNOWN)}")
    return Target(text, _RTX.get(text, ""))


def target_fits(target: Target, capabilities: Capabilities) -> Verdict:
    """Whether a TensorRT that can do this can compile for the target."""
    if capabilities.strong_types == "never":
        return Verdict(
            False,
            "this TensorRT does not take its precisions from the graph, so it is older than 10",
            "update it, on a Jetson with JetPack 6 or newer",
        )
    if target.ahead_of_time and target.member not in capabilities.compute_capabilities:
        known = sorted(capabilities.compute_capabilities)
        reason = f"only for {', '.join(known)}" if known else "for no GPU but the one that is here"
        return Verdict(
            False,
            f"this TensorRT cannot compile for {target.name}, {reason}",
            "pip install tensorrt-rtx-cu13-bindings tensorrt-rtx-cu13-libs, or compile with --target local",
        )
    return Verdict(True)
