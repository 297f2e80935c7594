"""Times steps of models on a CUDA GPU, for more and more cameras in one call: `make bench-gpu`."""

from __future__ import annotations

import sys
from datetime import date
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from vad_edge_training.models.registry import build
from vad_edge_training.models.step import StepModel

NAMES = ("student", "predictor", "mnad")
CAMERAS = (1, 2, 4, 8)
STEPS = 200
WARMUP_STEPS = 20


def main() -> None:
    if not torch.cuda.is_available():
        sys.exit("there is no CUDA GPU here")
    # What a score is computed in must not depend on the card.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    table = Table("model", "size", *(f"{cameras} cameras, ms" for cameras in CAMERAS), "8 of 1")
    for name in NAMES:
        model = build(name, {}).eval().step_module().eval().cuda()
        took = [_median_ms(model, cameras) for cameras in CAMERAS]
        size = f"{model.spec.height}x{model.spec.width}"
        table.add_row(name, size, *(f"{each:.2f}" for each in took), f"{took[-1] / took[0]:.2f}")
    console = Console(width=120)
    console.print(table)
    console.print(
        f"{date.today()}: torch {torch.__version__}, {torch.cuda.get_device_name()}, fp32 without TF32,"
        " weights of chance, one captured CUDA graph a step, frames copied from pinned memory and scores"
        f" back, median of {STEPS} steps"
    )


@torch.no_grad()
def _median_ms(model: StepModel, cameras: int) -> float:
    spec = model.spec
    frames = torch.randint(0, 256, (cameras, spec.height, spec.width, 3), dtype=torch.uint8).pin_memory()
    frame = frames.cuda()
    weight = torch.ones(cameras, spec.map_height, spec.map_width, device="cuda")
    active = torch.ones(cameras, dtype=torch.bool, device="cuda")
    state = model.initial_state(cameras)

    def step() -> torch.Tensor:
        score: torch.Tensor
        score, _, *advanced = model(frame, weight, active, ~active, *state)
        for old, new in zip(state, advanced, strict=True):
            old.copy_(new)
        return score

    side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        step()
    torch.cuda.current_stream().wait_stream(side)
    graph: Any = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        score = step()

    took = []
    for _ in range(WARMUP_STEPS + STEPS):
        began, ended = (_event(), _event())
        began.record()
        frame.copy_(frames, non_blocking=True)
        graph.replay()
        score.cpu()
        ended.record()
        ended.synchronize()
        took.append(began.elapsed_time(ended))
    return float(np.median(took[WARMUP_STEPS:]))


def _event() -> Any:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
