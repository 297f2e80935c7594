from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_edge_devices.provision.plan import can_take, plan_provision
from vad_edge_devices.provision.probe import BoardState, read_state
from vad_edge_devices.provision.ssh import explain
from vad_edge_devices.release import Item, Release

ORIN = BoardState(
    "Linux", "aarch64", "3.10", 35, "36.4.3", "p3767", "0005", rights="sudo", free_bytes=10**10, files={}
)
RELEASE = Release("abc", {"site.toml": Item(b"a = 1\n"), "wheelhouse/x-1-py3-none-any.whl": Item(b"x")}, {})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"system": "Darwin"}, "it runs Darwin, not Linux"),
        ({"python": "3.8"}, "it has Python 3.8; vad-edge needs 3.10"),
        ({"python": ""}, "it has no python3"),
        ({"rights": ""}, "neither root nor may use sudo"),
        ({"free_bytes": 10**6}, "its disk is full: 0.0 GB are free, 0.3 GB are needed"),
    ],
)
def test_a_board_that_cannot_take_it_says_why(change: dict[str, object], reason: str) -> None:
    verdict = can_take(replace(ORIN, **change), RELEASE)  # type: ignore[arg-type]
    assert not verdict.ok
    assert reason in verdict.reason
    assert verdict.fix


def test_a_full_disk_does_not_matter_where_everything_is_installed() -> None:
    assert can_take(replace(ORIN, free_bytes=0, complete=True), RELEASE).ok


@pytest.mark.parametrize(
    ("wheel", "ok"),
    [
        ("numpy-1.26.4-cp310-cp310-manylinux_2_17_aarch64.manylinux2014_aarch64.whl", True),
        ("numpy-1.26.4-cp312-cp312-manylinux_2_17_aarch64.whl", False),
        ("numpy-1.26.4-cp310-cp310-manylinux_2_17_x86_64.whl", False),
        ("cryptography-42-cp37-abi3-manylinux_2_28_aarch64.whl", True),
        ("rich-13-py3-none-any.whl", True),
        ("six-1-py2.py3-none-any.whl", True),
    ],
)
def test_a_wheel_must_be_this_board_s(wheel: str, ok: bool) -> None:
    release = replace(RELEASE, files={f"wheelhouse/{wheel}": Item(b"x")})
    assert can_take(ORIN, release).ok == ok


def test_what_is_there_is_not_sent_again() -> None:
    release = replace(RELEASE, hashes={"site.toml": "1", "wheelhouse/x-1-py3-none-any.whl": "2"})
    state = replace(ORIN, files={"site.toml": "1", "wheelhouse/x-1-py3-none-any.whl": "cut off"})
    assert plan_provision(state, release, ()).send == ("wheelhouse/x-1-py3-none-any.whl",)


def test_a_state_is_read_from_the_board_s_print() -> None:
    state = read_state(
        "system\tLinux\nmachine\taarch64\npython\t3.10\nglibc\t35\n"
        "l4t\t# R36 (release), REVISION: 4.3, GCID: 1\n"
        "compatible\tnvidia,p3768-0000+p3767-0005-super nvidia,tegra234 \n"
        "rights\tsudo\nsystemd\tyes\nfree\t1000\ncurrent\treleases/a\nsite\tYSA9IDEK\n"
        "trust\tt1\nfile\tf1 model.vadb\nfile\tf2 wheelhouse/a b.whl\nnoise\n"
    )
    assert (state.l4t, state.module, state.sku, state.glibc) == ("36.4.3", "p3767", "0005", 35)
    assert (state.free_bytes, state.current, state.systemd) == (1_024_000, "releases/a", True)
    assert (state.site, state.trust) == (b"a = 1\n", frozenset({"t1"}))
    assert state.files == {"model.vadb": "f1", "wheelhouse/a b.whl": "f2"}


@given(st.text())
def test_any_print_gives_a_state(text: str) -> None:
    assert isinstance(read_state(text), BoardState)


def test_an_unknown_failure_shows_ssh_s_own_last_words() -> None:
    assert explain("debug\nsomething else\n\n").reason == "ssh failed: something else"
    assert explain("").reason == "ssh failed: it said nothing"
