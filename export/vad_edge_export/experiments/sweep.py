"""Train, export and measure the models of a recipe, one after another, across interruptions."""

from __future__ import annotations

import json
import platform
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from vad_edge_export.experiments.recipe import Recipe, Run
from vad_edge_export.package import export_bundle
from vad_edge_training.datasets.folds import Fold
from vad_edge_training.evaluate.curves import write_evaluation
from vad_edge_training.evaluate.evaluate import evaluate_bundle
from vad_edge_training.fit.fit import train_model
from vad_edge_training.fit.hardware import ONE_DEVICE, Hardware
from vad_edge_training.fit.progress import Progress, silent
from vad_edge_training.models.registry import config_of

RESULTS = "results.json"

_MEASURED = (
    "auc", "paper", "average_precision", "equal_error_rate", "rbdc", "tbdc", "cues", "frames",
    "skipped_frames", "left_out_frames",
)  # fmt: skip


def sweep(
    recipe: Recipe,
    data: Path,
    output: Path,
    *,
    max_minutes: float | None = None,
    hardware: Hardware = ONE_DEVICE,
    cache: Path | None = None,
    on_progress: Progress | None = None,
) -> dict[str, Any]:
    """Go through a recipe; what an earlier call finished is kept, what it began is gone on with.

    output gets a folder for each model (checkpoints, bundle, ``result.json``) and ``results.json``, by model
    and dataset, in the form of the catalogue's ``measured.json``. max_minutes bounds the training of this
    call. Returns the same as ``results.json``. Raises what training, export and evaluation raise.
    """
    report = on_progress or silent
    deadline = None if max_minutes is None else time.monotonic() + 60.0 * max_minutes
    for done, run in enumerate(recipe.runs):
        report(run.model, done, len(recipe.runs))
        folder = output / run.model
        if (folder / "result.json").exists():
            continue
        left = None if deadline is None else (deadline - time.monotonic()) / 60.0
        if left is not None and left <= 0:
            break
        if _train(recipe, run, data, folder, left, hardware, cache, report):
            _measure(recipe, run, data, folder)
    report("sweep", len(recipe.runs), len(recipe.runs))
    results = {model: {recipe.dataset: result} for model, result in _results(recipe, output)}
    _write(output / RESULTS, results)
    return results


def _train(
    recipe: Recipe,
    run: Run,
    data: Path,
    folder: Path,
    max_minutes: float | None,
    hardware: Hardware,
    cache: Path | None,
    report: Progress,
) -> bool:
    """Whether the run's training is complete."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    trained = train_model(
        data,
        folder,
        run.model,
        run.config,
        run.fit_config,
        fold=Fold.parse(run.fold) if run.fold else None,
        hardware=hardware,
        resume=True,
        max_minutes=max_minutes,
        keep_every=recipe.oracle_every,
        cache=cache,
        progress_bar=False,
        on_progress=report,
    )
    return trained.finished


def _measure(recipe: Recipe, run: Run, data: Path, folder: Path) -> None:
    bundle = folder / f"{run.model}.vadb"
    exported = export_bundle(folder / "best.ckpt", bundle, data=data)
    found = evaluate_bundle(bundle, data)
    training = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    config = config_of(run.model, run.config)
    seconds = sum(row["seconds"] for row in training["losses"])
    write_evaluation(found, folder / "evaluation")
    evaluation = found.to_json()
    result = {
        **{key: evaluation[key] for key in _MEASURED},
        "resolution": f"{config.height}x{config.width}",
        "reduced": recipe.reduced,
        "fold": run.fold,
        "config": run.config,
        "fit": training["data"]["fit"],
        "precision": training["hardware"]["precision"],
        "chosen": {"on": "held-out normal clips", "epoch": training["best"]["epoch"] + 1},
        "oracle": _oracle(folder, data) if recipe.oracle_every else None,
        "losses": [training["losses"][0]["val_loss"], training["best"]["val_loss"]],
        "parity": exported.parity.to_dict(),
        "train_minutes": round(seconds / 60.0, 2),
        "peak_gpu_mb": _peak_gpu_mb(),
        "machine": _machine(),
        "date": datetime.now(timezone.utc).date().isoformat(),
    }
    _write(folder / "result.json", result)


def _oracle(folder: Path, data: Path) -> dict[str, Any] | None:
    """The kept epoch that is best on the test set by the papers' protocol; no figure of ours is chosen so."""
    found: list[dict[str, Any]] = []
    for checkpoint in sorted(folder.glob("epoch-*.ckpt")):
        with tempfile.TemporaryDirectory() as scratch:
            bundle = export_bundle(checkpoint, Path(scratch) / "epoch.vadb", data=data).path
            measured = evaluate_bundle(bundle, data).to_json()
        epoch = int(checkpoint.stem.removeprefix("epoch-")) + 1
        found.append({"epoch": epoch, "auc": measured["auc"], "paper": measured["paper"]})
    return max(found, key=lambda epoch: epoch["paper"] or epoch["auc"]["micro_per_clip"] or 0.0, default=None)


def _results(recipe: Recipe, output: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for run in recipe.runs:
        path = output / run.model / "result.json"
        if path.exists():
            yield run.model, json.loads(path.read_text(encoding="utf-8"))


def _write(path: Path, values: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _peak_gpu_mb() -> float | None:
    return round(torch.cuda.max_memory_allocated() / 1e6) if torch.cuda.is_available() else None


def _machine() -> str:
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return f"{torch.get_num_threads()} CPU threads, {platform.machine()}"
