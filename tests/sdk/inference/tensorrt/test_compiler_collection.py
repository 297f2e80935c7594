"""TensorRT's objects are not freed while TensorRT holds its lock."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from vad_edge.inference.tensorrt.compiler import without_collection
from vad_edge.inference.tensorrt.library import Flavour

# A builder that only the collector frees, and a collector that does it in the midst of the next log call.
LITTERED = """
import gc
import sys
from vad_edge.errors import EngineError
from vad_edge.inference.tensorrt.compiler import CompileOptions, compile_graph
from vad_edge.inference.tensorrt.library import load_flavour
from vad_edge.inference.tensorrt.progress import Messages, logger_for
from vad_edge.inference.tensorrt.library import parse_target

kept = []

def fill(frame, event, argument):
    if event == "call" and frame.f_code.co_name == "log":
        kept.append([[] for _ in range(20_000)])

flavour = load_flavour("tensorrt-rtx")
logger = logger_for(flavour.module, Messages())
gc.collect()
gc.set_threshold(10_000)
litter = [flavour.module.Builder(logger)]
litter.append(litter)
del litter
sys.setprofile(fill)
try:
    compile_graph(flavour, b"no graph", CompileOptions(parse_target("rtx-sm86")), lambda phase, share: None)
except EngineError:
    print("refused", bool(kept))
"""


def test_a_forgotten_builder_does_not_block_the_next_build(rtx: Flavour) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LITTERED], capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "refused True\n"), ended.stderr


@without_collection()
def fail() -> None:
    assert not gc.isenabled()
    raise RuntimeError("TensorRT gave up")


def test_the_collector_is_as_it_was_afterwards() -> None:
    assert gc.isenabled()
    with pytest.raises(RuntimeError):
        fail()
    assert gc.isenabled()
    gc.disable()
    try:
        with without_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
