"""Engines of plug-ins, held to what an engine must do: whatever they do wrong becomes an EngineError."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from numpy.typing import NDArray

from vad_edge.bundle.archive import Bundle
from vad_edge.bundle.manifest import Graph, Precision
from vad_edge.common.verdict import Verdict
from vad_edge.errors import EngineError, VadEdgeError
from vad_edge.inference.engine import Engine, EngineBackend, StepOutputs, buffers, host_inputs

_log = logging.getLogger(__name__)

_Given = TypeVar("_Given")

_PARTS = ("name", "graph", "inputs", "step", "snapshot", "restore", "close")


class ForeignBackend:
    """The backend of a plug-in; a class is called without arguments for it."""

    def __init__(self, name: str, backend: EngineBackend | type[EngineBackend]) -> None:
        self.name = name
        self._backend = _asked(backend, name) if isinstance(backend, type) else backend

    def fits(self, bundle: Bundle, precision: Precision | None) -> Verdict:
        """Whether it can run the bundle here."""
        return _asked(lambda: self._backend.fits(bundle, precision), self.name)

    def graph(self, bundle: Bundle, precision: Precision | None, batch: int) -> Graph:
        """The graph that it would run."""
        return _asked(lambda: self._backend.graph(bundle, precision, batch), self.name)

    def open(self, bundle: Bundle, precision: Precision | None, batch: int, threads: int | None) -> Engine:
        """The engine, compared with the manifest."""
        engine = _asked(lambda: self._backend.open(bundle, precision, batch, threads), self.name)
        missing = [part for part in _PARTS if not hasattr(engine, part)]
        if missing:
            raise _fault(f"its engine has no {missing[0]}", self.name)
        for name, expected in buffers(host_inputs(bundle.manifest), batch).items():
            given = getattr(engine.inputs, name, None)
            form = (getattr(given, "shape", None), getattr(given, "dtype", None))
            if form != (expected.shape, expected.dtype):
                wanted = f"{expected.dtype} {expected.shape}"
                raise _fault(f"the input {name!r} of its engine is not {wanted}", self.name)
        return ForeignEngine(engine, self.name)


class ForeignEngine:
    """An engine of a plug-in; see `Engine`."""

    def __init__(self, engine: Engine, backend: str) -> None:
        self._engine, self._backend = engine, backend
        self.name, self.graph, self.inputs = engine.name, engine.graph, engine.inputs

    def step(self) -> StepOutputs:
        """Run the graph once. Raises EngineError."""
        return _asked(self._engine.step, self._backend)

    def snapshot(self) -> Mapping[str, NDArray[Any]]:
        """A copy of the state."""
        return _asked(self._engine.snapshot, self._backend)

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take up a state. Raises EngineError."""
        _asked(lambda: self._engine.restore(state), self._backend)

    def close(self) -> None:
        """Free what it holds; a failure is logged."""
        try:
            self._engine.close()
        except Exception as error:
            _log.warning("engine %s: closing it failed: %r", self._backend, error)


def _asked(question: Callable[[], _Given], name: str) -> _Given:
    """The answer of a foreign object. Raises EngineError for whatever is no error of ours."""
    try:
        return question()
    except VadEdgeError:
        raise
    except Exception as error:
        _log.debug("engine %s failed", name, exc_info=True)
        raise _fault(f"{type(error).__name__}: {error}".partition("\n")[0], name) from error


def _fault(what: str, name: str) -> EngineError:
    return EngineError(what, where=f"engine {name}", fix="this is a fault of the plug-in: ask its author")
