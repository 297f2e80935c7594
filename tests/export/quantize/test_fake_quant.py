from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from tests.support.tiny_models import TINY, examples

from vad_edge.bundle.archive import read_bundle, write_bundle
from vad_edge.bundle.manifest import Provenance
from vad_edge_export.lower import GRAPH, lower
from vad_edge_export.package import ExportReport
from vad_edge_export.quantize.emulate import emulate_int8
from vad_edge_export.quantize.fake_quant import FakeQuantized, LayerRange, layer_ranges, made_from
from vad_edge_export.quantize.gate import scores_of
from vad_edge_export.quantize.int8 import Ranges, to_int8
from vad_edge_export.quantize.observe import activation_ranges
from vad_edge_export.quantize.region import learned_layers
from vad_edge_export.quantize.trial_footage import gather
from vad_edge_training.datasets.layouts import open_dataset
from vad_edge_training.fit.checkpoint import load_model
from vad_edge_training.fit.finetune import FineTuned, fine_tune
from vad_edge_training.fit.fit import train_model
from vad_edge_training.fit.schedule import FitConfig
from vad_edge_training.models.model import Model
from vad_edge_training.models.registry import MODELS, build
from vad_edge_training.models.step import StepModel


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class OneLayer(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Conv2d(3, 4, 3)


def test_a_layer_is_rounded_to_the_steps_of_its_ranges_and_weights() -> None:
    model, image = OneLayer(), torch.rand(1, 3, 8, 8)
    with FakeQuantized(model, [LayerRange("layer.weight", (0.0, 1.0), (-2.0, 1.0))], bits=4, weight_bits=4):
        found = model.layer(image)
    step = model.layer.weight.abs().amax(dim=(1, 2, 3), keepdim=True) / 7
    weight = (model.layer.weight / step).round() * step
    exact = F.conv2d((image * 7).round() / 7, weight, model.layer.bias)
    torch.testing.assert_close(found, (exact / (2 / 7)).round().clamp(-7, 7) * (2 / 7))


def test_gradients_pass_as_if_nothing_were_rounded() -> None:
    model, image = OneLayer(), torch.rand(1, 3, 8, 8, requires_grad=True)
    with FakeQuantized(model, [LayerRange("layer.weight", (0.0, 1.0), None)], bits=4, weight_bits=4):
        model.layer(image).sum().backward()
    step = model.layer.weight.detach().abs().amax(dim=(1, 2, 3), keepdim=True) / 7
    weight = (model.layer.weight.detach() / step).round() * step
    expected = torch.autograd.grad(F.conv2d(image, weight).sum(), image)[0]
    torch.testing.assert_close(image.grad, expected)
    assert model.layer.weight.grad is not None


def test_layers_without_a_range_and_calls_outside_are_left_alone() -> None:
    model, image = OneLayer(), torch.rand(1, 3, 8, 8)
    exact = model.layer(image)
    with FakeQuantized(model, [], bits=2, weight_bits=2):
        torch.testing.assert_close(model.layer(image), exact, rtol=0, atol=0)
    torch.testing.assert_close(model.layer(image), exact, rtol=0, atol=0)


def ranges_of(bundle_path: Path, data: Path) -> tuple[bytes, Ranges]:
    bundle = read_bundle(bundle_path)
    graph = bundle.member(bundle.graph("fp32").member)
    layers = learned_layers(onnx.load_model_from_string(graph))
    return graph, activation_ranges(bundle, layers, gather(bundle, open_dataset(data)).sequences)


def test_torch_scores_frames_as_the_int8_graph_does(
    exported: ExportReport, checkpoint: Path, data: Path, tmp_path: Path
) -> None:
    bundle = read_bundle(exported.path)
    graph, ranges = ranges_of(exported.path, data)
    layers = learned_layers(onnx.load_model_from_string(graph))
    step = load_model(checkpoint).step_module().eval()
    member = bundle.graph("fp32").member
    members = {name: bundle.member(name) for name in bundle.manifest.members}
    lowered = emulate_int8(to_int8(graph, layers, ranges, "tensorrt"))
    write_bundle(tmp_path / "int8.vadb", bundle.manifest, {**members, member: lowered})
    frames = gather(bundle, open_dataset(data)).sequences[0][:30]
    quantized = read_bundle(tmp_path / "int8.vadb")
    int8, fp32 = (scores_of(each, each.graph(), frames)[:, 0] for each in (quantized, bundle))
    assert (int8 != fp32).any()
    with FakeQuantized(step, layer_ranges(graph, step, ranges), weight_bits=8):
        ours = torch_scores(step, frames)
    assert np.abs(ours / int8 - 1).max() < 1e-3


@torch.no_grad()
def torch_scores(step: StepModel, frames: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    state = step.initial_state(1)
    weight = torch.ones(1, step.spec.map_height, step.spec.map_width)
    scores = []
    for frame in frames:
        score, _, state = step.advance(torch.from_numpy(frame)[None].float(), weight, *state)
        scores.append(float(score[0, 0]))
    return np.array(scores)


@pytest.mark.slow
def test_fine_tuning_recovers_what_a_coarse_width_loses(data: Path, tmp_path: Path) -> None:
    """With weights of three bits; as many epochs without rounding do not learn to bear it."""
    cache = tmp_path / "cache"
    fit = FitConfig(epochs=10, stride=4, learning_rate=4e-3)
    trained = train_model(
        data, tmp_path / "fit", "mnad", TINY["mnad"], fit, cache=cache, progress_bar=False
    ).best
    step = load_model(trained).step_module().eval()
    origin = Provenance(created="2026-01-01T00:00:00+00:00", code_version="0", model="mnad")
    write_bundle(tmp_path / "mnad.vadb", *lower(step, name="mnad", provenance=origin))
    graph, ranges = ranges_of(tmp_path / "mnad.vadb", data)

    def coarse(model: Model) -> FakeQuantized:
        own = model.step_module()
        return FakeQuantized(own, layer_ranges(graph, own, ranges), weight_bits=3)

    def exact(model: Model) -> nullcontext[None]:
        return nullcontext()

    def tune(checkpoint: Path, name: str, around: Callable[[Model], Any], epochs: int = 4) -> FineTuned:
        return fine_tune(
            checkpoint, data, tmp_path / name, epochs=epochs, around=around, told={}, cache=cache
        )

    plain, tuned = tune(trained, "plain", exact), tune(trained, "tuned", coarse)
    lost, still_lost = tuned.loss_before - plain.loss_before, tuned.loss_after - plain.loss_before
    assert lost > 0.1 * plain.loss_before
    assert still_lost < 0.5 * lost
    assert tuned.loss_after < tune(plain.best, "plain, rounded", coarse, epochs=1).loss_before


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_layers_of_every_model_are_found_again_in_its_graph(name: str) -> None:
    torch.manual_seed(0)
    model = build(name, TINY[name]).eval()
    step = model.step_module().eval()
    provenance = Provenance(created="2026-01-01T00:00:00+00:00", code_version="0")
    graph = lower(step, name=name, provenance=provenance)[1][GRAPH]
    proto = onnx.load_model_from_string(graph)
    names = set(learned_layers(proto))
    tensors = {name for node in proto.graph.node for name in (*node.input, *node.output)}
    layers = layer_ranges(graph, step, dict.fromkeys(tensors, (-1.0, 1.0)))
    assert {layer.weight for layer in layers} == {
        node.input[1] for node in proto.graph.node if node.name in names
    }
    assert made_from(graph, step)
    assert not made_from(graph, build(name, TINY[name]).step_module())
    batch = examples(model)
    turn = model.phases()[-1].turns[0].name
    with torch.no_grad():
        exact = model.training_loss(batch, turn)["loss"]
        with FakeQuantized(step, layers, bits=3, weight_bits=3):
            coarse = model.training_loss(batch, turn)["loss"]
    assert torch.isfinite(coarse)
    assert coarse != exact


def test_another_models_weights_are_noticed(exported: ExportReport, checkpoint: Path) -> None:
    bundle = read_bundle(exported.path)
    graph = bundle.member(bundle.graph().member)
    step = load_model(checkpoint).step_module()
    assert made_from(graph, step)
    proto = onnx.load_model_from_string(graph)
    last = next(each for each in proto.graph.initializer if each.name == "predictor.change.weight")
    value = numpy_helper.to_array(last).copy()
    value[0] *= 2
    last.CopyFrom(numpy_helper.from_array(value, last.name))
    assert made_from(proto.SerializeToString(), step)
    value[0, 0] *= 2
    last.CopyFrom(numpy_helper.from_array(value, last.name))
    assert not made_from(proto.SerializeToString(), step)
