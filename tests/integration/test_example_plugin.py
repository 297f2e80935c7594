"""The example plug-in, installed by pip into an environment of its own and used from the command line."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.plugins import write_distribution

import vad_edge
import vad_edge.plugins
from vad_edge.bundle.archive import Bundle
from vad_edge.common.plugin_loader import ENGINES, SINKS, SOURCES

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "plugin"

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Environment:
    """A virtual environment, which sees the packages that the tests run with."""

    python: Path
    home: Path

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, *arguments],
            cwd=self.home,
            env={**os.environ, "XDG_STATE_HOME": str(self.home / "state")},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def vad_edge(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "vad_edge", *arguments)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The example beside a distribution whose plug-ins raise when they are imported."""
    home = tmp_path_factory.mktemp("plugin")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home / "venv"], check=True, timeout=120)
    python = home / "venv" / "bin" / "python"
    (packages,) = (home / "venv").glob("lib/python*/site-packages")
    shared = sysconfig.get_paths()["purelib"]
    (packages / "shared.pth").write_text(f"import site; site.addsitedir({shared!r})\n")
    # A copy: pip leaves what it builds beside the source.
    source = shutil.copytree(EXAMPLE, home / "source", ignore=shutil.ignore_patterns("build", "*.egg-info"))
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--no-index", "--disable-pip-version-check", source),
        ],
        check=True,
        timeout=240,
    )
    points = {
        SINKS: {"broken": "broken:make"},
        SOURCES: {"broken": "broken:make"},
        ENGINES: {"broken": "broken:x"},
    }
    write_distribution(packages, "broken", points, "raise RuntimeError('no licence')")
    return Environment(python, home)


def test_the_list_has_the_example_and_says_why_the_other_cannot_be_used(environment: Environment) -> None:
    done = environment.vad_edge("plugins", "--json")
    assert done.returncode == 1
    listed = {(each["group"], each["name"]): each for each in json.loads(done.stdout)}
    for key in ((SOURCES, "noise"), (SINKS, "mysink")):
        assert listed[key]["usable"]
        assert (listed[key]["distribution"], listed[key]["version"]) == ("vad-edge-example", "1.0.0")
        assert listed[key]["api_version"] == vad_edge.plugins.API_VERSION
    for group in (SINKS, SOURCES, ENGINES):
        assert listed[group, "broken"]["problem"].startswith(
            "it cannot be imported: RuntimeError: no licence"
        )


def test_a_run_watches_the_examples_source_and_fills_its_sink_whatever_else_is_installed(
    environment: Environment, calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    file = tmp_path / "sink.jsonl"
    done = environment.vad_edge(
        *("run", "--source", "noise://", "--sink", f"mysink={file}", "--bundle", calibrated_bundle.path),
        *("--duration", "5s", "--output", tmp_path / "out"),
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in file.read_text().splitlines()]
    kept = [json.loads(line) for line in (tmp_path / "out" / "events.jsonl").read_text().splitlines()]
    assert told == kept
    assert told[0]["data"]["kind"] == "opened"


def test_a_broken_plugin_ends_a_run_only_where_it_is_asked_for(
    environment: Environment, calibrated_bundle: Bundle
) -> None:
    asked = ("run", "--source", "noise://64x48?seconds=1", "--bundle", calibrated_bundle.path)
    done = environment.vad_edge(*asked, "--sink", "broken")
    assert done.returncode == 1
    assert "error: plug-in broken (vad_edge.sinks, from broken 1.0): it cannot be imported" in done.stderr
    done = environment.vad_edge("run", "--source", "broken://", "--bundle", calibrated_bundle.path)
    assert done.returncode == 1
    assert "broken://: plug-in broken (vad_edge.sources, from broken 1.0)" in done.stderr
    assert environment.vad_edge(*asked).returncode == 0


def test_the_source_can_be_recorded_scored_and_calibrated_on(
    environment: Environment, calibrated_bundle: Bundle, tmp_path: Path
) -> None:
    done = environment.vad_edge(
        *("record", "--source", "noise://64x48?seconds=5", "--output", tmp_path, "--duration", "3s")
    )
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "training").iterdir())
    done = environment.vad_edge("score", "noise://64x48?seconds=3", "--bundle", calibrated_bundle.path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 31
    done = environment.vad_edge(
        *(
            "calibrate",
            "--source",
            "noise://48x32?seconds=60",
            "--duration",
            "60s",
            "--alarm-budget",
            "1/hour",
        ),
        *("--bundle", calibrated_bundle.path, "--output", tmp_path / "noise.vadc"),
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "noise.vadc").exists()


def test_the_sensor_of_the_example_is_pushed_by_its_program(
    environment: Environment, calibrated_bundle: Bundle
) -> None:
    done = environment.run(EXAMPLE / "door.py", calibrated_bundle.path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "door is closed" in lines
    assert "door is open" in lines
    assert lines[-1].endswith(" events")


@pytest.mark.parametrize("file", sorted(EXAMPLE.rglob("*.py")), ids=lambda file: file.name)
def test_the_example_uses_nothing_but_public_names(file: Path) -> None:
    public = {
        "vad_edge": {*vad_edge.__all__, "plugins"},
        "vad_edge.plugins": set(vad_edge.plugins.__all__),
    }
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vad_edge"):
            assert node.module in public
            assert {name.name for name in node.names} <= public[node.module]
        elif isinstance(node, ast.Import):
            assert {name.name for name in node.names if name.name.startswith("vad_edge")} <= {"vad_edge"}
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "vad_edge"
        ):
            assert node.attr in public["vad_edge"]
