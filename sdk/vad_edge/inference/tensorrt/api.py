"""The calls of TensorRT's Python API that the compiler makes, the same in every flavour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Tensor(Protocol):
    """An input of a network; -1 in its shape is a symbolic size."""

    name: str
    shape: Sequence[int]


class Network(Protocol):
    """A graph as TensorRT holds it."""

    num_inputs: int
    num_outputs: int

    def get_input(self, index: int, /) -> Tensor:
        """One of its inputs."""
        ...


class ParserError(Protocol):
    """Why a node was refused; other versions may have `node_name` and `node_operator` or not."""

    def node(self) -> int:
        """The number of the node in the graph."""
        ...

    def desc(self) -> str:
        """The condition that did not hold."""
        ...


class Parser(Protocol):
    """Reads ONNX into a network."""

    num_errors: int

    def parse(self, model: bytes, /) -> bool:
        """Read a whole model; false if a node was refused."""
        ...

    def get_error(self, index: int, /) -> ParserError:
        """One of the refusals."""
        ...


class Profile(Protocol):
    """The shapes an engine is made for."""

    def set_shape(self, name: str, smallest: Any, usual: Any, largest: Any, /) -> None:
        """The shapes of one input. Raises ValueError where they contradict each other."""
        ...


class Config(Protocol):
    """How to build; attributes that a flavour lacks are not touched."""

    progress_monitor: Any
    default_device_type: Any
    DLA_core: int
    num_compute_capabilities: int

    def add_optimization_profile(self, profile: Profile, /) -> int:
        """Its number, -1 if it was refused."""
        ...

    def set_memory_pool_limit(self, pool: Any, size: int, /) -> None:
        """Limit a pool to this many bytes."""
        ...

    def clear_flag(self, flag: Any, /) -> None:
        """Turn a builder flag off."""
        ...

    def set_flag(self, flag: Any, /) -> None:
        """Set a builder flag."""
        ...

    def set_compute_capability(self, capability: Any, index: int, /) -> bool:
        """Name a GPU to compile for."""
        ...

    def create_timing_cache(self, data: bytes, /) -> Any:
        """A cache from what one serialised to, or an empty one from nothing."""
        ...

    def set_timing_cache(self, cache: Any, ignore_mismatch: bool, /) -> bool:
        """Use a cache; false if it is of another device or version."""
        ...

    def get_timing_cache(self) -> Any:
        """The cache in use."""
        ...


class Builder(Protocol):
    """Makes networks, configurations and engines."""

    num_DLA_cores: int  # noqa: N815

    def create_network(self, flags: int, /) -> Network | None:
        """An empty network."""
        ...

    def create_builder_config(self) -> Config | None:
        """A fresh configuration."""
        ...

    def create_optimization_profile(self) -> Profile | None:
        """A fresh profile."""
        ...

    def build_serialized_network(self, network: Network, config: Config, /) -> Any:
        """The engine as a buffer, None on failure."""
        ...
