"""What an import costs: a board must not load what it does not need."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from vad_edge.errors import MissingExtraError
from vad_edge.mqtt.broker import EmbeddedBroker

TRAINING = {"torch", "onnx", "lightning", "sklearn", "scipy.stats", "river", "tensorrt"}
HEAVY = TRAINING | {"onnxruntime", "matplotlib"}

PROBE = """
import json, sys
before = set(sys.modules)
{statement}
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_by(statement: str) -> list[str]:
    output = subprocess.run(
        [sys.executable, "-c", PROBE.format(statement=statement)], capture_output=True, text=True, check=True
    ).stdout
    modules: list[str] = json.loads(output.splitlines()[-1])
    return modules


def test_importing_the_package_loads_nothing_heavy_and_little_at_all() -> None:
    modules = loaded_by("import vad_edge")
    assert not HEAVY & set(modules)
    assert len(modules) < 60


@pytest.mark.parametrize(
    "statement",
    ["import vad_edge.runtime.loop", "import vad_edge.cli", "import vad_edge.bundle.archive"],
)
def test_the_runtime_loads_no_training_library(statement: str) -> None:
    modules = loaded_by(statement)
    assert not (TRAINING | {"matplotlib", "defusedxml"}) & set(modules)


def test_a_run_needs_no_extra() -> None:
    extras = ("amqtt", "bacpypes3", "google.protobuf", "lightning", "onnx", "scipy", "torch")
    modules = loaded_by("import vad_edge.api, vad_edge.cli.run, vad_edge.cli.doctor, vad_edge.demo.play")
    assert [name for name in modules if name.startswith(extras) and not name.startswith("onnxruntime")] == []


def test_without_amqtt_the_embedded_broker_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "amqtt", None)
    monkeypatch.delitem(sys.modules, "amqtt.broker", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'vad-edge\[broker\]'"), EmbeddedBroker():
        pass


def test_help_is_shown_without_loading_numpy_or_opencv() -> None:
    modules = loaded_by(
        "from click.testing import CliRunner\nfrom vad_edge.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0"
    )
    assert not {"numpy", "cv2", "onnxruntime", "pydantic"} & set(modules)
    assert len(modules) < 300
