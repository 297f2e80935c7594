"""Checks of TensorRT and the GPU themselves: what is here, and whether it compiles."""

from __future__ import annotations

import dataclasses
from contextlib import closing

from vad_edge.bundle.archive import Bundle, read_bundle
from vad_edge.bundle.manifest import Precision
from vad_edge.common.jetson import has_nvidia_gpu
from vad_edge.diagnostics.engines.job import Found, Job, NotHere, precision_of
from vad_edge.diagnostics.engines.plan import AHEAD_TARGET, TENSORRT, CheckStep
from vad_edge.diagnostics.engines.report import gpu_facts, machine_facts
from vad_edge.errors import BundleError, EngineError
from vad_edge.inference.tensorrt.cache import EngineCache
from vad_edge.inference.tensorrt.compiler import CompileOptions, dla_cores
from vad_edge.inference.tensorrt.cuda import open_cuda
from vad_edge.inference.tensorrt.device import local_device
from vad_edge.inference.tensorrt.library import LOCAL, capabilities_of, load_flavour, parse_target
from vad_edge.inference.tensorrt.loader import prepare_engine


def machine(job: Job, step: CheckStep) -> Found:
    """What this machine is."""
    facts = machine_facts()
    return Found(f"{facts['board'] or facts['system']} {facts['architecture']}", facts)


def import_tensorrt(job: Job, step: CheckStep) -> Found:
    """Which TensorRT is here, and what it can do."""
    try:
        flavour = load_flavour()
    except EngineError as error:
        _not_here_without_gpu(error)
        raise
    abilities = dataclasses.asdict(capabilities_of(flavour.module))
    abilities["compute_capabilities"] = sorted(abilities["compute_capabilities"])
    figures = {"flavour": flavour.name, "version": flavour.version, **abilities}
    return Found(f"{flavour.name} {flavour.version}", figures)


def find_gpu(job: Job, step: CheckStep) -> Found:
    """Which GPU is here, and whether memory and a stream can be had on it."""
    try:
        device = local_device()
        with closing(open_cuda()) as cuda:
            facts = gpu_facts(device, type(cuda).__name__)
            cuda.allocate(1 << 20)
            cuda.synchronize()
    except EngineError as error:
        _not_here_without_gpu(error)
        raise
    return Found(device.label, facts)


def compile_here(job: Job, step: CheckStep) -> Found:
    """An engine for this machine's GPU, into the job's folder."""
    return _compile(job, step, LOCAL)


def compile_ahead(job: Job, step: CheckStep) -> Found:
    """An engine for a GPU that need not be here, by TensorRT for RTX."""
    try:
        load_flavour("tensorrt-rtx")
    except EngineError as error:
        raise NotHere("TensorRT for RTX is not here, and no other compiles ahead of time") from error
    return _compile(job, step, AHEAD_TARGET)


def compile_dla(job: Job, step: CheckStep) -> Found:
    """An engine for a deep learning accelerator; nothing loads it yet."""
    return _compile(job, step, LOCAL, dla=True)


def count_dla(job: Job, step: CheckStep) -> Found:
    """How many deep learning accelerators TensorRT serves."""
    cores = dla_cores(load_flavour())
    if cores < 1:
        raise NotHere("there is no DLA here, or this TensorRT does not serve it")
    return Found(f"{cores} of them", {"dla_cores": cores})


def _compile(job: Job, step: CheckStep, target: str, *, dla: bool = False) -> Found:
    bundle, precision = read_bundle(job.bundle), precision_of(step)
    _has_graph(bundle, precision)
    options = CompileOptions(parse_target(target), batch=step.cameras, dla=dla)
    cache = EngineCache(job.engines)
    made = prepare_engine(bundle, options, lambda phase, share: None, precision=precision, cache=cache)
    figures = {"bytes": made.bytes, "build_s": made.seconds, "flavour": made.flavour, "version": made.version}
    return Found(f"{made.bytes / 1e6:.2f} MB in {made.seconds:.1f} s", figures)


def _has_graph(bundle: Bundle, precision: Precision) -> None:
    try:
        bundle.graph(precision, TENSORRT)
    except BundleError as error:
        raise NotHere(error.what) from error


def _not_here_without_gpu(error: EngineError) -> None:
    """Without a GPU in the machine there is nothing that should have worked."""
    if not has_nvidia_gpu():
        raise NotHere(f"this machine has no NVIDIA GPU: {error.what}") from error
