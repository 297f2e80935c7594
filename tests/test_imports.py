"""What an import costs: a board must not load what it does not need."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

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


def test_help_is_shown_without_loading_numpy_or_opencv() -> None:
    modules = loaded_by(
        "from click.testing import CliRunner\nfrom vad_edge.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0"
    )
    assert not {"numpy", "cv2", "onnxruntime", "pydantic"} & set(modules)
    assert len(modules) < 300
