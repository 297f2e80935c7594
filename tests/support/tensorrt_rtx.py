"""Compiling step graphs ahead of time with TensorRT for RTX, which needs no GPU for that."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest

from vad_edge.inference.tensorrt.compiler import without_collection

CAMERAS = (1, 1, 4)
"""Smallest, usual and largest batch of the compiled engine."""


def tensorrt() -> Any:
    """The TensorRT for RTX package; without it a test is skipped, and fails where CI=true promises it."""
    try:
        return importlib.import_module("tensorrt_rtx_bindings")
    except ImportError:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip("TensorRT for RTX is not installed; pip install 'vad-edge[dev]' brings it on x86-64")


@without_collection()
def compile_ahead(graph: bytes) -> tuple[bytes, set[str]]:
    """A serialised engine for RTX cards of compute capability 8.6, and the names of its tensors.

    Fails with TensorRT's own words where the graph cannot be parsed or built.
    """
    trt = tensorrt()
    messages: list[str] = []

    class Log(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.ERROR:
                messages.append(message)

    builder = trt.Builder(log := Log())
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    parsed = parser.parse(graph)
    assert parsed, [str(parser.get_error(error)) for error in range(parser.num_errors)] + messages
    config = builder.create_builder_config()
    config.num_compute_capabilities = 1
    config.set_compute_capability(trt.ComputeCapability.SM86, 0)
    profile = builder.create_optimization_profile()
    inputs = [network.get_input(place) for place in range(network.num_inputs)]
    for tensor in inputs:
        _, *shape = tensor.shape
        profile.set_shape(tensor.name, *((cameras, *shape) for cameras in CAMERAS))
    config.add_optimization_profile(profile)
    engine = builder.build_serialized_network(network, config)
    assert engine is not None, messages
    outputs = [network.get_output(place) for place in range(network.num_outputs)]
    return bytes(engine), {tensor.name for tensor in (*inputs, *outputs)}
