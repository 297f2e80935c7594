"""What a plug-in is written against; docs/plugins.md shows how.

Everything in `__all__` is public: it changes incompatibly only together with `API_VERSION`. A plug-in is an
entry point in one of five groups, marked with `plugin`:

- ``vad_edge.sources``: a `SourceFactory`; its name is the scheme of ``--source NAME://...``
- ``vad_edge.sinks``: a `SinkFactory`, for ``--sink NAME[=ARGUMENT]``
- ``vad_edge.engines``: an `EngineBackend`, for ``--engine NAME``
- ``vad_edge.bridges``: a `Bridge`, for ``vad-edge bridge NAME``
- ``vad_edge.models``: a `ModelPlugin`, for ``vad-edge train --model NAME``

Nothing of a plug-in is imported until it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from vad_edge.bridges.plugin import Bridge, BridgeContext
from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph, Manifest, Precision
from vad_edge.clock import RunClock
from vad_edge.common.plugin_loader import (
    API_VERSION,
    GROUPS,
    SINKS,
    Plugin,
    checked,
    found,
    load,
    names,
    plugin,
)
from vad_edge.common.verdict import Verdict
from vad_edge.errors import ConfigError, PluginError, VadEdgeError
from vad_edge.events.event import Event, to_cloudevent
from vad_edge.inference.engine import Engine, EngineBackend, StepInputs, StepOutputs, step_inputs
from vad_edge.video.frame import Frame
from vad_edge.video.source import Source, SourceFactory, SourceInfo, SourceRequest

__all__ = [
    "API_VERSION",
    "GROUPS",
    "Bridge",
    "BridgeContext",
    "Bundle",
    "Engine",
    "EngineBackend",
    "Event",
    "Frame",
    "Graph",
    "Manifest",
    "ModelPlugin",
    "Plugin",
    "Precision",
    "RunClock",
    "Sink",
    "SinkFactory",
    "Source",
    "SourceFactory",
    "SourceInfo",
    "SourceRequest",
    "StepInputs",
    "StepOutputs",
    "Verdict",
    "checked",
    "found",
    "open_sink",
    "plugin",
    "step_inputs",
    "to_cloudevent",
]

Sink = Callable[[Event], object]
"""Takes one event after another, on a thread of its own; one with a method `close` has it called at the end.

An event that it raises for is lost to it, and it is called again for the next one.
"""


class SinkFactory(Protocol):
    """Opens a sink before the run begins."""

    def __call__(self, argument: str, /) -> Sink:
        """The sink; argument is what follows ``NAME=``, empty where nothing does. Raises ConfigError."""
        ...


class ModelPlugin(Protocol):
    """A model to train: a subclass of `vad_edge_training.models.model.Model`; it needs the extra ``train``.

    The entry point has the name that its card has. config_type is a dataclass; the class is called with one.
    """

    card: Any
    config_type: type[Any]
    defaults: Any

    def __call__(self, config: Any, /) -> Any:
        """An untrained model."""
        ...


def open_sink(spec: str) -> Sink:
    """The sink that ``NAME`` or ``NAME=ARGUMENT`` names.

    Raises ConfigError for a name that no plug-in has, PluginError for one that is broken or does not open.
    """
    name, _, argument = spec.partition("=")
    factory = load(SINKS, name)
    if factory is None:
        known = ", ".join(names(SINKS))
        fix = f"give one of {known}" if known else "install the plug-in that brings it"
        raise ConfigError(f"there is no sink {name!r}", where="--sink", fix=f"{fix}; see `vad-edge plugins`")
    try:
        sink: Sink = factory(argument)
    except VadEdgeError:
        raise
    except Exception as error:
        said = f"it does not open: {type(error).__name__}: {error}".partition("\n")[0]
        raise PluginError(said, where=f"sink {name}", fix="check its argument, or ask its author") from error
    if not callable(sink):
        raise PluginError(
            f"it opens {type(sink).__name__}, which cannot be called",
            where=f"sink {name}",
            fix="ask its author",
        )
    return sink
