"""Our quantizer beside nvidia-modelopt's on one bundle: `python -m tests.benchmarks.quantizers BUNDLE DATA`.

modelopt wants other versions of onnx and ONNX Runtime than this project is tested with: it has a virtual
environment of its own, whose python MODELOPT_PYTHON names. Without one the comparison is skipped.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from rich.console import Console
from rich.table import Table
from tests.support.tensorrt_rtx import compile_ahead

from vad_edge.bundle.archive import Bundle, read_bundle, write_bundle
from vad_edge.inference.onnxruntime_engine import OnnxRuntimeEngine
from vad_edge_export.quantize.compact import drop_unused_constants
from vad_edge_export.quantize.emulate import emulate_int8
from vad_edge_export.quantize.gate import correlation
from vad_edge_export.quantize.int8 import to_int8
from vad_edge_export.quantize.observe import activation_ranges
from vad_edge_export.quantize.region import WITH_WEIGHTS, learned_layers
from vad_edge_export.quantize.trial_footage import Material, gather
from vad_edge_training.datasets.layouts import open_dataset
from vad_edge_training.evaluate.evaluate import Evaluation, evaluate_bundle

PYTHON = "MODELOPT_PYTHON"
TIMED_STEPS = 60

_MODELOPT = """
import sys
import numpy as np
from modelopt.onnx.quantization import quantize

graph, feeds, output, *layers = sys.argv[1:]
quantize(
    onnx_path=graph,
    quantize_mode="int8",
    calibration_data=dict(np.load(feeds)),
    calibration_method="max",
    calibration_eps=["cpu"],
    nodes_to_quantize=layers or None,
    high_precision_dtype="fp32",
    output_path=output,
)
"""


def modelopt_python() -> str | None:
    """The python that has modelopt, None where there is none."""
    python = os.environ.get(PYTHON, sys.executable)
    probe = subprocess.run([python, "-c", "import modelopt.onnx.quantization"], capture_output=True)
    return python if probe.returncode == 0 else None


def feeds_of(bundle: Bundle, sequences: Sequence[NDArray[np.uint8]]) -> dict[str, NDArray[Any]]:
    """What every step of the sequences reads, states rolled forward, a row for each."""
    engine = OnnxRuntimeEngine(bundle, bundle.graph("fp32"), 1)
    rows: list[dict[str, NDArray[Any]]] = []
    for frames in sequences:
        for number, frame in enumerate(frames):
            inputs = engine.inputs
            inputs.frame[0], inputs.reset[0] = frame, number == 0
            host = {name: getattr(inputs, name).copy() for name in ("frame", "weight", "active", "reset")}
            rows.append({**host, **engine.snapshot()})
            engine.step()
    engine.close()
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def by_modelopt(python: str, graph: bytes, feeds: dict[str, NDArray[Any]], layers: Sequence[str]) -> bytes:
    """The graph as modelopt quantizes it; all that it wants to where no layers are named."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "graph.onnx").write_bytes(graph)
        np.savez(root / "feeds.npz", **feeds)  # type: ignore[arg-type]
        paths = [str(root / name) for name in ("graph.onnx", "feeds.npz", "int8.onnx")]
        done = subprocess.run([python, "-c", _MODELOPT, *paths, *layers], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"modelopt failed:\n{done.stderr[-3000:]}")
        return with_integer_weights((root / "int8.onnx").read_bytes())


def with_graph(bundle: Bundle, contents: bytes, path: Path) -> Bundle:
    """The bundle with another graph in the place of its fp32 one, and nothing else."""
    graph = bundle.graph("fp32")
    states = {state.initial for state in bundle.manifest.states}
    members = {name: bundle.member(name) for name in bundle.manifest.members if name in states}
    manifest = bundle.manifest.model_copy(update={"graphs": (graph,)})
    write_bundle(path, manifest, {**members, graph.member: contents})
    return read_bundle(path)


def stepper(bundle: Bundle, frames: NDArray[np.uint8]) -> Callable[[int], float]:
    """A function that runs a step and gives its milliseconds."""
    engine = OnnxRuntimeEngine(bundle, bundle.graph("fp32"), 1, threads=1)

    def step(number: int) -> float:
        engine.inputs.frame[0] = frames[number % len(frames)]
        started = time.perf_counter()
        engine.step()
        return 1000.0 * (time.perf_counter() - started)

    return step


def with_integer_weights(contents: bytes) -> bytes:
    """The graph with weights that are quantized when it is loaded stored as the integers they become."""
    model = onnx.load_model_from_string(contents)
    constants = {constant.name: constant for constant in model.graph.initializer}
    for node in [node for node in model.graph.node if node.op_type == "QuantizeLinear"]:
        if node.input[0] not in constants:
            continue
        value, scale, zero = (numpy_helper.to_array(constants[name]) for name in node.input)
        limits = np.iinfo(zero.dtype)
        axis = next((entry.i for entry in node.attribute if entry.name == "axis"), 1)
        shape = [-1 if place == axis and scale.ndim else 1 for place in range(value.ndim)]
        steps = (value / scale.reshape(shape)).round() + zero.reshape(shape)
        integers = steps.clip(limits.min, limits.max).astype(zero.dtype)
        model.graph.initializer.append(numpy_helper.from_array(integers, node.output[0]))
        model.graph.node.remove(node)
    drop_unused_constants(model.graph)
    stored: bytes = model.SerializeToString()
    return stored


def quantized_layers(contents: bytes) -> int:
    """How many layers read weights that were rounded."""
    graph = onnx.load_model_from_string(contents).graph
    constants = {constant.name for constant in graph.initializer}
    weights = {
        node.output[0]
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in constants
    }
    layers = (node for node in graph.node if node.op_type in WITH_WEIGHTS)
    return sum(node.input[1] in weights for node in layers)


def roundings(contents: bytes) -> int:
    """How many tensors are rounded on the way."""
    return sum(node.op_type == "QuantizeLinear" for node in onnx.load_model_from_string(contents).graph.node)


def compiles(contents: bytes) -> str:
    """Whether TensorRT for RTX builds an engine of it."""
    try:
        engine, _ = compile_ahead(contents)
    except AssertionError as refused:
        return f"no: {str(refused)[:120]}"
    return f"yes, {len(engine) / 1e6:.2f} MB"


def agreement(reference: Evaluation, found: Evaluation) -> float:
    """The lowest Pearson correlation of the cues."""
    pairs = (
        [np.concatenate([scores[cue] for scores in each.cue_scores]) for each in (reference, found)]
        for cue in reference.cues
    )
    return min(correlation(before, after) for before, after in pairs)


def graphs(bundle: Bundle, material: Material, python: str) -> dict[str, bytes]:
    """The fp32 graph and what each quantizer makes of it, by name."""
    fp32 = bundle.member(bundle.graph("fp32").member)
    layers = learned_layers(onnx.load_model_from_string(fp32))
    ranges = activation_ranges(bundle, layers, material.sequences)
    feeds = feeds_of(bundle, material.sequences)
    return {
        "fp32": fp32,
        "ours, for ONNX Runtime": to_int8(fp32, layers, ranges, "onnxruntime"),
        "ours, for TensorRT": to_int8(fp32, layers, ranges, "tensorrt"),
        "modelopt, the learned layers": by_modelopt(python, fp32, feeds, layers),
        "modelopt, as it chooses": by_modelopt(python, fp32, feeds, ()),
    }


def main(bundle_path: str, data: str) -> None:
    console = Console(width=140)
    python = modelopt_python()
    if python is None:
        console.print(
            f"skipped: no nvidia-modelopt[onnx] here; {PYTHON} may name the python of a venv that has it"
        )
        return
    bundle = read_bundle(Path(bundle_path))
    material = gather(bundle, open_dataset(Path(data)))
    made = graphs(bundle, material, python)
    table = Table(
        "graph",
        "layers",
        "roundings",
        "MB",
        "correlation",
        "AUC online",
        "as run here",
        "p50 ms",
        "TensorRT for RTX",
    )
    with tempfile.TemporaryDirectory() as folder:
        bundles = {
            name: with_graph(bundle, each, Path(folder) / f"{n}.vadb")
            for n, (name, each) in enumerate(made.items())
        }
        steps = {name: stepper(each, material.sequences[0]) for name, each in bundles.items()}
        rounds = [{name: step(number) for name, step in steps.items()} for number in range(TIMED_STEPS)]
        reference = evaluate_bundle(bundles["fp32"].path, Path(data), engine="onnxruntime", precision="fp32")
        for number, (name, contents) in enumerate(made.items()):
            meant = Path(folder) / f"{number}-meant.vadb"
            with_graph(bundle, contents if name == "fp32" else emulate_int8(contents), meant)
            exact = evaluate_bundle(meant, Path(data), engine="onnxruntime", precision="fp32")
            here = evaluate_bundle(bundles[name].path, Path(data), engine="onnxruntime", precision="fp32")
            table.add_row(
                name,
                str(quantized_layers(contents)),
                str(roundings(contents)),
                f"{len(contents) / 1e6:.2f}",
                f"{agreement(reference, exact):.7f}",
                f"{exact.auc.micro_online:.4f}",
                f"{here.auc.micro_online:.4f}",
                f"{statistics.median(row[name] for row in rounds):.1f}",
                compiles(contents),
            )
    console.print(f"{date.today()}: one core, {TIMED_STEPS} rounds, one graph after another in each")
    console.print(table)


if __name__ == "__main__":
    main(*sys.argv[1:])
