"""`vad-edge compile`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vad_edge.cli.types import OUTPUT_FILE, PRECISION

if TYPE_CHECKING:
    from vad_edge.bundle.manifest import Precision


@click.command(name="compile")
@click.option("--bundle", required=True, type=click.Path(path_type=Path), help="The model, NAME.vadb.")
@click.option("--precision", type=PRECISION, help="The smallest the bundle has by default.")
@click.option(
    "--target",
    default="local",
    show_default=True,
    metavar="TARGET",
    help="local, this machine's GPU; or ahead of time rtx-sm75, -sm80, -sm86, -sm89, -sm120, -sm121.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="The most cameras it is to take.",
)
@click.option(
    "--workspace",
    type=click.IntRange(16, 65536),
    default=512,
    show_default=True,
    metavar="MB",
    help="GPU memory TensorRT may use as scratch space.",
)
@click.option("--dla", is_flag=True, help="Use the deep learning accelerator of a Jetson that has one.")
@click.option(
    "--output",
    type=OUTPUT_FILE,
    help="Write the engine here; it is kept in the cache by default.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def command(
    bundle: Path,
    precision: Precision | None,
    target: str,
    batch: int,
    workspace: int,
    dla: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Compile a bundle's graph with TensorRT, before a run would have to.

    \b
    vad-edge compile --bundle my.vadb
    vad-edge compile --bundle my.vadb --precision fp16 --batch 4
    vad-edge compile --bundle my.vadb --target rtx-sm86 --output my.engine
    """
    from vad_edge.bundle.archive import read_bundle
    from vad_edge.cli.output import progress_bars
    from vad_edge.inference.tensorrt.compiler import CompileOptions
    from vad_edge.inference.tensorrt.library import parse_target
    from vad_edge.inference.tensorrt.loader import prepare_engine

    options = CompileOptions(parse_target(target), batch=batch, workspace_mb=workspace, dla=dla)
    with progress_bars() as report_progress:
        prepared = prepare_engine(
            read_bundle(bundle),
            options,
            lambda phase, share: report_progress("compile", share, 1.0),
            precision=precision,
            output=output,
        )
    if as_json:
        click.echo(json.dumps(asdict(prepared)))
        return
    how = "found in the cache" if prepared.cached else f"compiled in {prepared.seconds:.1f} s"
    click.echo(f"{prepared.output}: {prepared.bytes / 1e6:.2f} MB, {how}")
    click.echo(f"  {prepared.precision} for {prepared.target}, a batch of {prepared.batch} at most")
    click.echo(f"  by {prepared.flavour} {prepared.version}")
