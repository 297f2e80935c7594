"""`vad-edge record`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import click

from vad_edge.cli.options import broker_options
from vad_edge.cli.types import DURATION, OUTPUT_FOLDER


@click.command(name="record")
@click.option("--camera", type=click.IntRange(min=0), help="Camera index: 0 is /dev/video0.")
@click.option("--source", metavar="PATH|URL", help="Any other source, as for `vad-edge run`.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Site file: its camera, with its privacy masks black, and its sensors beside it.",
)
@click.option("--name", metavar="CAMERA", help="Which camera of the site file, where it has several.")
@click.option("--output", required=True, type=OUTPUT_FOLDER, help="Data folder.")
@click.option("--duration", type=DURATION, default="1h", show_default=True, help="How long: 30s, 5m, 2h ...")
@click.option("--segment", type=DURATION, default="10m", show_default=True, help="Length of one file.")
@broker_options
@click.option("--fps", type=click.FloatRange(1, 240), help="Ask the camera for this frame rate.")
def command(
    camera: int | None,
    source: str | None,
    config: Path | None,
    name: str | None,
    output: Path,
    duration: float,
    segment: float,
    broker: str | None,
    broker_password_file: Path | None,
    fps: float | None,
) -> None:
    """Record normal life to train on, into OUTPUT/training.

    Record when nothing unusual happens, at all times of day the camera will watch. A camera that
    is lost for a while is waited for, up to the end of --duration. Files are of use whatever ends the
    recording; Ctrl-C ends it early. Ends with 1, and says so, when frames could not be written, as on a full
    disk, or the camera was gone in the end. With a site file the camera's privacy masks are black, and its
    sensors are recorded too, with what the camera notices by itself (ONVIF), into OUTPUT/sensors/training,
    where `vad-edge calibrate --config` finds them.

    \b
    vad-edge record --camera 0 --output data --duration 2h
    vad-edge record --camera 0 --output data --duration 24h --config site.toml
    vad-edge record --config site.toml --name entrance --output data
    """
    from vad_edge.cameras.decoding import stream_options
    from vad_edge.cameras.recording import recorded_events
    from vad_edge.cameras.streams import with_camera_streams
    from vad_edge.cli.output import progress_bars
    from vad_edge.cli.run_output import stop_on_signals
    from vad_edge.cli.site_options import recorded_camera, with_outside_broker
    from vad_edge.clock import LiveClock
    from vad_edge.config.load import load_site
    from vad_edge.evidence.images import PrivacyMasks
    from vad_edge.mqtt.sensors import SensorRecorder
    from vad_edge.video.open import open_source
    from vad_edge.video.reader import Reader
    from vad_edge.video.recorder import record

    site = load_site(config) if config is not None else None
    found = recorded_camera(camera, source, site, name)
    spec: str | int = found.spec if found.spec is not None else ""
    fps = fps or found.fps
    clock = LiveClock()
    options = stream_options(found, whole=True)
    opened = open_source(spec, clock, fps=fps, options=options)
    reopen = (lambda: open_source(spec, clock, fps=fps, options=options)) if opened.info.live else None
    reader = Reader(opened.info.name, opened, "all", reopen=reopen)
    with ExitStack() as stack:
        stack.callback(reader.stop)
        stop = stack.enter_context(stop_on_signals())
        sensors = None
        heard = with_camera_streams(site) if site is not None and opened.info.live else site
        if site is not None and heard is not None and heard.sensor:
            if site.sensor:
                heard = with_outside_broker(heard, broker, broker_password_file)
            sensors = stack.enter_context(SensorRecorder(heard, output / "sensors" / "training", clock.now))
            stack.enter_context(recorded_events(found, heard, sensors.accept))
        report = stack.enter_context(progress_bars())
        reader.start()
        recorded = record(
            reader,
            output / "training",
            duration_s=duration,
            segment_s=segment,
            stop=stop,
            shown=PrivacyMasks(found.privacy_masks).burn,
            on_progress=lambda seconds, frames: report("recording", seconds, duration),
            on_piece=sensors.write if sensors is not None else None,
        )
    for file in recorded.files:
        click.echo(file)
    losses = sensors.losses if sensors is not None else []
    problems = [*recorded.problems, *losses, *([reader.truncated] if reader.truncated else [])]
    for problem in problems:
        click.echo(f"vad-edge: error: {problem}", err=True)
    if problems:
        sys.exit(1)
