"""`vad-edge run`."""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vad_edge.cli.options import broker_options
from vad_edge.cli.types import DURATION, ENGINE, OUTPUT_FOLDER, PRECISION

if TYPE_CHECKING:
    from vad_edge import RunSummary
    from vad_edge.bundle.archive import Bundle
    from vad_edge.bundle.manifest import Precision
    from vad_edge.config.site import SiteConfig


@click.command(name="run")
@click.option("--camera", type=click.IntRange(min=0), help="Camera index: 0 is /dev/video0.")
@click.option(
    "--source",
    metavar="PATH|URL",
    help="Video file, folder of images, rtsp://, http(s):// or a plug-in's URL, csi:N, or gst:PIPELINE.",
)
@click.option("--bundle", type=click.Path(path_type=Path), help="The model, NAME.vadb.")
@click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    help="The camera's pack, NAME.vadc: its levels are kept.",
)
@click.option("--config", type=click.Path(path_type=Path), help="Site file (TOML) with cameras and sensors.")
@broker_options
@click.option("--duration", type=DURATION, help="Stop after 30s, 5m, 2h ...")
@click.option(
    "--output",
    type=OUTPUT_FOLDER,
    help="Folder for events.jsonl, scores.csv, annotated.mp4 and timeline.png.",
)
@click.option("--engine", type=ENGINE, default="auto", show_default=True, help="Inference backend.")
@click.option("--precision", type=PRECISION, help="The fastest the bundle has by default.")
@click.option("--threads", type=click.IntRange(min=1), help="Cores the engine may use; all by default.")
@click.option(
    "--sink",
    "sinks",
    multiple=True,
    metavar="NAME[=ARGUMENT]",
    help="Hand every event to this plug-in too; may be given repeatedly. `vad-edge plugins` lists them.",
)
@click.option(
    "--replay-wait",
    type=DURATION,
    default=0.0,
    help="How long a run on a recording waits for `vad-edge sensors replay` before its first frame.",
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="As before the verb."
)
@click.option(
    "--json", "as_json", is_flag=True, help="One event a line on standard output, the rest elsewhere."
)
def command(
    duration: float | None,
    output: Path | None,
    engine: str,
    precision: Precision | None,
    threads: int | None,
    sinks: tuple[str, ...],
    replay_wait: float,
    log_level: str | None,
    as_json: bool,
    **of_the_site: Any,
) -> None:
    """Watch cameras and sensors, and warn.

    \b
    vad-edge run --camera 0 --bundle my.vadb
    vad-edge run --camera 0 --bundle my.vadb --calibration door.vadc
    vad-edge run --config site.toml --broker mqtt://localhost
    vad-edge run --source clip.mkv --bundle my.vadb --output out/clip
    vad-edge run --source noise://64x48 --bundle my.vadb --sink mysink=events.jsonl

    Ends with the recording, after --duration, or on Ctrl-C or SIGTERM, always cleanly and with exit code 0;
    1 when a source failed or was truncated, 2 when something given was wrong. A second Ctrl-C ends at once.
    SIGHUP reads the site file and the bundle again; where one of them is wrong the run goes on as it was.
    What an earlier run left in OUTPUT is kept: events go on, other files get a number, as scores.1.csv.
    """
    from vad_edge import VadEdgeError, Watch, load_bundle
    from vad_edge.cli.run_output import (
        again_on_hangup,
        exit_after,
        keep_summary,
        run_observers,
        stop_on_signals,
    )
    from vad_edge.cli.site_options import site_from_options
    from vad_edge.health.systemd import ServiceManager
    from vad_edge.report.outputs import SUMMARY
    from vad_edge.runtime.sinks import SinkObserver, opened_sinks

    def read() -> tuple[SiteConfig, Bundle | None]:
        site = site_from_options(**of_the_site)
        return site, load_bundle(site.bundle) if site.bundle is not None and site.camera else None

    def watch(site: SiteConfig, model: Bundle | None) -> RunSummary:
        watching = Watch.from_site(
            site,
            bundle=model,
            store=output,
            engine=engine,
            precision=precision,
            threads=threads,
            replay_wait_s=replay_wait,
            observers=[
                *run_observers(site, model, output, log_level=log_level, as_json=as_json),
                *(SinkObserver(sink) for sink in opened),
            ],
        )
        return watching.run(duration, stop=stop, manager=manager)

    given = read()
    with (
        closing(ServiceManager.from_environment()) as manager,
        stop_on_signals() as stop,
        again_on_hangup(stop) as hangup,
        opened_sinks(sinks) as opened,
    ):
        summary = watch(*given)
        while hangup.take():
            manager.reloading()
            try:
                given = read()
            except VadEdgeError as error:
                logging.getLogger(__name__).error("going on as before: %s", error)
            summary = watch(*given)
        manager.stopping()
    if output is not None:
        summary = keep_summary(summary, output / SUMMARY)
    exit_after(summary)
