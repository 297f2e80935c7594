"""From an ONNX graph to an engine, with any TensorRT since 10; memory and crashes are `build`'s business.

Seen: TensorRT for RTX 1.7 compiling ahead of time. Never run on hardware: TensorRT 10 and 11, DLA, and
compiling for the GPU that is here.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from vad_edge.errors import EngineError
from vad_edge.inference.tensorrt.api import Builder, Config, Network, Parser, ParserError
from vad_edge.inference.tensorrt.library import (
    Capabilities,
    CompileTarget,
    Flavour,
    capabilities_of,
    target_fits,
)
from vad_edge.inference.tensorrt.progress import Messages, Phases, Report, logger_for, made, monitor_for


@contextmanager
def without_collection() -> Iterator[None]:
    """Nothing is collected meanwhile.

    TensorRT logs while it holds a lock that freeing one of its objects takes, too. A logger is Python, which
    may collect at any time; where that frees such an object, as the traceback of an earlier failure keeps,
    the call waits for itself for ever.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


_log = logging.getLogger(__name__)
_MIB: Final = 1 << 20
_TOLD: Final = 3
_OTHER_ENGINE: Final = "run it without TensorRT: vad-edge run --engine onnxruntime"
_EXPORT_AGAIN: Final = "export the bundle again with vad-edge export"


@dataclass(frozen=True, slots=True)
class CompileOptions:
    """How to compile a graph.

    batch is the number of cameras it is made best for, and the most it takes. workspace_mb limits the GPU
    memory of one step's scratch space. timing_cache is what an earlier build gave.
    """

    target: CompileTarget
    batch: int = 1
    workspace_mb: int = 512
    dla: bool = False
    timing_cache: bytes = b""


@dataclass(frozen=True, slots=True)
class Compiled:
    """An engine as TensorRT serialises it, and what the build learned; empty where it keeps nothing."""

    engine: bytes
    timing_cache: bytes = b""


@without_collection()
def compile_graph(flavour: Flavour, graph: bytes, options: CompileOptions, report: Report) -> Compiled:
    """Compile an ONNX graph; its types and precisions are kept as they are.

    Raises EngineError with TensorRT's own words where it refuses anything, and whatever `report` raises.
    """
    trt, abilities = flavour.module, capabilities_of(flavour.module)
    verdict = target_fits(options.target, abilities)
    if not verdict.ok:
        raise EngineError(verdict.reason, fix=verdict.fix)
    messages, phases = Messages(), Phases(report)
    # TensorRT keeps bare pointers to the logger and the monitor: both live until this function ends.
    logger = logger_for(trt, messages)
    monitor = monitor_for(trt, phases) if abilities.progress_monitor else None

    builder = _make(lambda: trt.Builder(logger), "cannot start", messages)
    network = _parse(trt, builder, abilities, graph, logger, messages)
    config = _make(builder.create_builder_config, "gives no builder configuration", messages)
    if abilities.workspace_limit:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace_mb * _MIB)
    _keep_full_precision(trt, config)
    if options.dla:
        _use_dla(trt, builder, config, abilities)
    _aim(trt, config, abilities, options.target, messages)
    _add_profile(builder, network, config, options, messages)
    if abilities.timing_cache:
        _use_timing_cache(config, options.timing_cache)
    if monitor is not None:
        config.progress_monitor = monitor
    engine = builder.build_serialized_network(network, config)
    phases.check()
    if engine is None:
        _fail(f"TensorRT cannot build it for {options.target.name}", messages, _OTHER_ENGINE)
    learned = config.get_timing_cache() if abilities.timing_cache else None
    return Compiled(bytes(engine), bytes(learned.serialize()) if learned is not None else b"")


@without_collection()
def dla_cores(flavour: Flavour) -> int:
    """How many deep learning accelerators TensorRT finds here. Raises EngineError where it cannot start."""
    if not capabilities_of(flavour.module).dla:
        return 0
    messages = Messages()
    logger = logger_for(flavour.module, messages)
    builder: Builder = _make(lambda: flavour.module.Builder(logger), "cannot start", messages)
    return int(builder.num_DLA_cores)


def _fail(what: str, messages: Messages, fix: str) -> NoReturn:
    raise EngineError(f"{what}: {messages.told}", fix=fix)


def _make(make: Callable[[], Any], failure: str, messages: Messages) -> Any:
    fix = "see that the GPU's driver answers (nvidia-smi, on a Jetson tegrastats)"
    return made(make, f"TensorRT {failure}", messages, fix)


def _parse(
    trt: Any, builder: Builder, abilities: Capabilities, graph: bytes, logger: Any, messages: Messages
) -> Network:
    flags = 0
    if abilities.strong_types == "flag":
        flags = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network: Network = _make(lambda: builder.create_network(flags), "gives no network", messages)
    parser: Parser = _make(lambda: trt.OnnxParser(network, logger), "has no ONNX parser", messages)
    if not parser.parse(graph):
        refusals = [parser.get_error(index) for index in range(parser.num_errors)]
        told = "; ".join(_refusal(refusal) for refusal in refusals[:_TOLD]) or messages.told
        if len(refusals) > _TOLD:
            told += f"; and {len(refusals) - _TOLD} more"
        raise EngineError(f"TensorRT does not take this graph: {told}", fix=_OTHER_ENGINE)
    if network.num_outputs == 0:
        raise EngineError("it is no ONNX graph, or one without an output", fix=_EXPORT_AGAIN)
    return network


def _refusal(error: ParserError) -> str:
    """One refusal in words; what a version's parser does not tell is left out."""
    operator = getattr(error, "node_operator", lambda: "")() or "an operator"
    name = getattr(error, "node_name", lambda: "")()
    place = f"node {error.node()}" + (f" {name!r}" if name else "")
    return f"{operator} at {place} ({error.desc()})"


def _keep_full_precision(trt: Any, config: Config) -> None:
    """Single precision stays single: with TF32, which is on by default, squares lose three digits."""
    tf32 = getattr(trt.BuilderFlag, "TF32", None)
    if tf32 is not None:
        config.clear_flag(tf32)


def _use_dla(trt: Any, builder: Builder, config: Config, abilities: Capabilities) -> None:
    if not abilities.dla or builder.num_DLA_cores < 1:
        raise EngineError("there is no DLA here", fix="compile without --dla")
    config.default_device_type = trt.DeviceType.DLA
    config.DLA_core = 0
    config.set_flag(trt.BuilderFlag.GPU_FALLBACK)


def _aim(
    trt: Any, config: Config, abilities: Capabilities, target: CompileTarget, messages: Messages
) -> None:
    """Name the GPU, to a TensorRT that would otherwise make an engine for any."""
    if not (target.ahead_of_time or abilities.current_gpu):
        return
    config.num_compute_capabilities = 1
    if not config.set_compute_capability(getattr(trt.ComputeCapability, target.member), 0):
        fix = "compile for another, see vad-edge compile --help"
        _fail(f"TensorRT refuses the target {target.name}", messages, fix)


def _add_profile(
    builder: Builder, network: Network, config: Config, options: CompileOptions, messages: Messages
) -> None:
    """One profile from one camera to all of them; a DLA takes no range."""
    largest = options.batch
    smallest = largest if options.dla else 1
    profile = _make(builder.create_optimization_profile, "gives no profile", messages)
    symbolic = False
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        batch, *rest = tuple(tensor.shape) or (largest,)
        shape = f"{[batch, *rest]}"
        if min(rest, default=1) < 0:
            what = f"its shape {shape} is symbolic beyond the batch"
            raise EngineError(what, where=f"input {tensor.name!r}", fix=_EXPORT_AGAIN)
        if batch < 0:
            symbolic = True
            most = (largest, *rest)
            profile.set_shape(tensor.name, (smallest, *rest), most, most)
        elif batch != largest:
            what = f"its shape {shape} is fixed, and not for {largest} cameras"
            raise EngineError(what, where=f"input {tensor.name!r}", fix=f"compile with --batch {batch}")
    if symbolic and config.add_optimization_profile(profile) < 0:
        _fail(f"TensorRT refuses a batch of {smallest} to {largest}", messages, "give a smaller --batch")


def _use_timing_cache(config: Config, data: bytes) -> None:
    """Take up an earlier build's timings; those of another version or GPU are left out."""
    for candidate in dict.fromkeys((data, b"")):
        cache = config.create_timing_cache(candidate)
        if cache is not None and config.set_timing_cache(cache, False):
            return
        _log.warning(
            "TensorRT does not take the timing cache (%d bytes); this build is slower", len(candidate)
        )
