"""The kernels that TensorRT for RTX compiles when an engine starts, kept for the next start.

Never run on hardware. Seen: the names in TensorRT for RTX 1.7, and its description of them. TensorRT itself
has its kernels in the engine, and none of this.
"""

from __future__ import annotations

import logging
from typing import Any

from vad_edge.inference.tensorrt.capabilities import capabilities_of

_log = logging.getLogger(__name__)


class Kernels:
    """Makes the execution contexts of an engine, with the kernels of an earlier start where there are some.

    Whatever fails here costs a slower start and nothing else, so it is only logged.
    """

    def __init__(self, trt: Any, engine: Any, stored: bytes) -> None:
        """Take up what `learned` gave at an earlier start; nothing for a first one."""
        self._engine = engine
        self._config: Any = None
        self._cache: Any = None
        if not capabilities_of(trt).runtime_cache:
            return
        try:
            self._configure(trt, stored)
        except Exception as error:  # pybind turns a null into TypeError, a failed library into RuntimeError
            self._give_up(error)

    def context(self) -> Any:
        """An execution context, None where TensorRT gives none."""
        if self._config is None:
            return self._engine.create_execution_context()
        return self._engine.create_execution_context(runtime_config=self._config)

    def learned(self) -> bytes:
        """What to keep for the next start; empty where there is nothing to keep."""
        if self._cache is None:
            return b""
        try:
            return bytes(self._cache.serialize())
        except Exception as error:  # as above
            self._give_up(error)
            return b""

    def _configure(self, trt: Any, stored: bytes) -> None:
        config = self._engine.create_runtime_config()
        cache = config.create_runtime_cache()
        if stored and not cache.deserialize(stored):
            _log.warning("the kernels of an earlier start are of another driver or GPU; compiling them anew")
        if not config.set_runtime_cache(cache):
            raise RuntimeError("the configuration refuses the cache")
        eager = getattr(getattr(trt, "DynamicShapesKernelSpecializationStrategy", None), "EAGER", None)
        if eager is not None:
            # A step is recorded once: a kernel that is finished later would never be in the recording.
            config.dynamic_shapes_kernel_specialization_strategy = eager
        self._config, self._cache = config, cache

    def _give_up(self, error: Exception) -> None:
        _log.warning("TensorRT keeps no kernels, every start compiles them: %s", error)
        self._config = self._cache = None
