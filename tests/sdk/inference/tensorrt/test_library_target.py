from __future__ import annotations

from dataclasses import replace

import pytest

from vad_edge.errors import ConfigError
from vad_edge.inference.tensorrt.library import (
    KNOWN,
    Capabilities,
    Flavour,
    capabilities_of,
    parse_target,
    target_fits,
)

JETSON = Capabilities("flag", frozenset(), False, True, True, False, True, True)
RTX = replace(JETSON, compute_capabilities=frozenset({"SM86", "SM89"}), current_gpu=True)


@pytest.mark.parametrize(
    ("text", "capability", "member", "flavour"),
    [
        ("local", "", "CURRENT", "auto"),
        ("rtx-sm75", "7.5", "SM75", "tensorrt-rtx"),
        ("rtx-sm121", "12.1", "SM121", "tensorrt-rtx"),
    ],
)
def test_a_target_knows_its_gpu(text: str, capability: str, member: str, flavour: str) -> None:
    target = parse_target(text)
    assert (target.capability, target.member, target.flavour) == (capability, member, flavour)


@pytest.mark.parametrize("text", ["", "rtx-sm99", "RTX-SM86", "sm86", "local "])
def test_an_unknown_target_names_the_known_ones(text: str) -> None:
    with pytest.raises(ConfigError, match=r"local, rtx-sm75, .*, rtx-sm121"):
        parse_target(text)


@pytest.mark.parametrize(
    ("target", "able", "reason"),
    [
        ("local", JETSON, ""),
        ("local", RTX, ""),
        ("rtx-sm86", RTX, ""),
        (
            "rtx-sm86",
            JETSON,
            "this TensorRT cannot compile for rtx-sm86, for no GPU but the one that is here",
        ),
        ("rtx-sm120", RTX, "this TensorRT cannot compile for rtx-sm120, only for SM86, SM89"),
        ("local", replace(JETSON, strong_types="never"), "so it is older than 10"),
    ],
)
def test_a_target_needs_a_tensorrt_that_can(target: str, able: Capabilities, reason: str) -> None:
    verdict = target_fits(parse_target(target), able)
    assert verdict.ok == (not reason)
    assert reason in verdict.reason
    assert verdict.ok or verdict.fix


def test_the_real_tensorrt_for_rtx_knows_every_target(rtx: Flavour) -> None:
    able = capabilities_of(rtx.module)
    assert all(target_fits(parse_target(name), able).ok for name in KNOWN)
