from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from vad_edge.inference.tensorrt.engine_file import EngineKey, engine_fits

text = st.text(max_size=20)
keys = st.builds(EngineKey, *[text] * 7, st.integers(1, 64), st.integers(1, 9999), st.booleans())
OTHER = {
    "graph_sha256": "cd" * 32,
    "precision": "fp16",
    "flavour": "tensorrt-rtx",
    "flavour_version": "11.4.0",
    "device": "Jetson Orin Nano (8 SMs)",
    "capability": "8.9",
    "driver": "",
    "batch": 2,
    "workspace_mb": 64,
    "dla": True,
}


@given(keys, keys)
def test_digests_are_equal_only_for_equal_keys(one: EngineKey, other: EngineKey) -> None:
    assert (one.digest() == other.digest()) == (one == other)


@given(keys)
def test_a_key_survives_being_written_as_json(key: EngineKey) -> None:
    written = json.dumps(asdict(key))
    assert TypeAdapter(EngineKey).validate_json(written, strict=True) == key


def test_the_digest_is_the_same_in_every_process(key: EngineKey) -> None:
    code = f"from vad_edge.inference.tensorrt.engine_file import EngineKey; print({key!r}.digest())"
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        assert found.stdout.decode().strip() == key.digest()


@pytest.mark.parametrize("part", [field.name for field in fields(EngineKey)])
def test_every_part_makes_another_engine(part: str, key: EngineKey) -> None:
    other = replace(key, **{part: OTHER[part]})
    verdict = engine_fits(other, key)
    assert not verdict.ok
    assert verdict.fix == "compile it here: vad-edge compile --bundle BUNDLE --precision int8 --batch 1"
    assert other.digest() != key.digest()


def test_an_engine_fits_where_nothing_differs(key: EngineKey) -> None:
    assert engine_fits(key, replace(key)).ok


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (
            "device",
            "it was built for Jetson Orin Nano (8 SMs), this is NVIDIA Jetson Orin NX (Orin, 8 SMs)",
        ),
        ("driver", "it was built under driver unknown, here is L4T 36.4.3"),
        ("dla", "it was built with DLA on, asked for is off"),
        ("flavour_version", "it was built by version 11.4.0, here is version 10.3.0"),
        ("graph_sha256", "it was compiled from graph cdcdcdcdcdcd, this is graph abababababab"),
    ],
)
def test_the_first_difference_is_said_in_plain_words(part: str, reason: str, key: EngineKey) -> None:
    assert engine_fits(replace(key, **{part: OTHER[part]}), key).reason == reason
