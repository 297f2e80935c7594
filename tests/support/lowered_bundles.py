"""Bundles that lose by a lower precision, or have fewer layers to lower."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import onnx

from vad_edge.bundle.archive import read_bundle, write_bundle
from vad_edge_export.quantize.region import note_learned


def louder(path: Path, output: Path, first: str, second: str, factor: float) -> Path:
    """The bundle with one layer's results `factor` times as large and the next one's weights smaller."""
    bundle = read_bundle(path)
    members = {name: bundle.member(name) for name in bundle.manifest.members}
    name = bundle.graph().member
    model = onnx.load_model_from_string(members[name])
    for constant in model.graph.initializer:
        value = onnx.numpy_helper.to_array(constant)
        if constant.name.startswith(first):
            constant.CopyFrom(onnx.numpy_helper.from_array(value * np.float32(factor), constant.name))
        elif constant.name == f"{second}.weight":
            constant.CopyFrom(onnx.numpy_helper.from_array(value / np.float32(factor), constant.name))
    members[name] = model.SerializeToString()
    write_bundle(output, bundle.manifest, members)
    return output


def narrower(path: Path, output: Path, learned: Collection[str]) -> Path:
    """The bundle as if nothing but these weights had been learned: only their layers are lowered."""
    bundle = read_bundle(path)
    members = {name: bundle.member(name) for name in bundle.manifest.members}
    name = bundle.graph().member
    model = onnx.load_model_from_string(members[name])
    note_learned(model, learned)
    members[name] = model.SerializeToString()
    write_bundle(output, bundle.manifest, members)
    return output
