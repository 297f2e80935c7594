from __future__ import annotations

from datetime import date

import pytest

from vad_edge.bundle.archive import Bundle
from vad_edge.diagnostics.engines.plan import CheckStep, Result
from vad_edge.diagnostics.engines.report import make_report, scrub

DAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/mary/shop.vadb: damaged", "<path>: damaged"),
        ("cannot open '/usr/lib/libnvinfer.so.10'", "cannot open '<path>'"),
        ("File(/opt/x/y.py:12) at ../a/b", "File(<path>:12) at ..<path>"),
        ("~/models and file:///home/mary/x", "~<path> and file://<path>"),
        ("30 frames/s, 1 / 2, p50/p99", "30 frames/s, 1 / 2, p50/p99"),
        ("no GPU here", "no GPU here"),
    ],
)
def test_paths_are_cut_out_of_a_text(text: str, left: str) -> None:
    assert scrub(text) == left


def test_private_words_are_cut_out_even_where_they_look_like_no_path() -> None:
    assert scrub("in data/mary smith.vadb", ["data/mary smith.vadb"]) == "in <path>"


def test_the_report_says_what_the_machine_and_the_model_are_and_hides_whose(bundle: Bundle) -> None:
    results = [
        Result(CheckStep("machine"), "ok", "", figures={"board": "Jetson Orin NX", "system": "Linux"}),
        Result(CheckStep("find the GPU"), "ok", "Orin", figures={"name": "Orin", "capability": "8.7"}),
        Result(
            CheckStep("compile", "tensorrt", "fp16"), "failed", f"{bundle.path}: no", fix=f"cd {bundle.path}"
        ),
        Result(CheckStep("load and one step", "tensorrt", "fp16"), "skipped", "it needs another"),
    ]
    report = make_report(bundle, results, day=DAY, complete=True, private=[str(bundle.path)])
    assert report["machine"] == {
        "board": "Jetson Orin NX",
        "system": "Linux",
        "gpu": {"name": "Orin", "capability": "8.7"},
    }
    assert report["summary"] == {"ok": 2, "failed": 1, "skipped": 1}
    assert report["bundle"]["graphs"][0]["precision"] == "fp32"
    assert report["bundle"]["sha256"] == bundle.sha256
    assert [step["check"] for step in report["steps"]] == [
        "find the GPU",
        "compile",
        "load and one step",
    ]
    told = str(report)
    assert bundle.manifest.name not in told
    assert str(bundle.path.parent) not in told


def test_a_machine_that_could_not_be_looked_at_is_a_failed_step(bundle: Bundle) -> None:
    results = [Result(CheckStep("machine"), "failed", "the process was ended by SIGSEGV")]
    report = make_report(bundle, results, day=DAY, complete=False)
    assert (report["machine"], report["summary"]["failed"]) == ({"gpu": None}, 1)
    assert [step["check"] for step in report["steps"]] == ["machine"]


def test_without_a_gpu_the_report_says_none(bundle: Bundle) -> None:
    results = [Result(CheckStep("find the GPU"), "skipped", "this machine has no NVIDIA GPU")]
    assert make_report(bundle, results, day=DAY, complete=False)["machine"] == {"gpu": None}
