"""`vad-edge mask`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vad_edge.config.edit import PlaceKind


@click.command(name="mask")
@click.option("--config", required=True, type=click.Path(path_type=Path), help="The site file to write into.")
@click.option("--camera", help="The camera's name; not needed where there is one.")
@click.option("--source", metavar="PATH|URL", help="Take the picture from here, not from the camera.")
@click.option(
    "--polygon", metavar='"X,Y X,Y X,Y"', help="Add this place and end: fractions, or source pixels."
)
@click.option("--name", help="The place's name, with --polygon.")
@click.option("--zone", is_flag=True, help="It is a zone, and not to be ignored.")
@click.option(
    "--picture", type=click.Path(path_type=Path), help="Also write the frame with its places: a PNG."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Of the page; any free one by default."
)
def command(
    config: Path,
    camera: str | None,
    source: str | None,
    polygon: str | None,
    name: str | None,
    zone: bool,
    picture: Path | None,
    port: int,
) -> None:
    """Draw what counts for nothing, and what bears a name, on a frame of a camera.

    Without --polygon a page is served to this machine alone, until "Done" is pressed or Ctrl-C. Comments in
    the site file stay. A pack belongs to its ignored places: calibrate with --config after a change.

    \b
    vad-edge mask --config site.toml --camera yard
    vad-edge mask --config site.toml --polygon "0.1,0 0.3,0 0.3,0.4 0.1,0.4" --name tree --picture yard.png
    vad-edge mask --config site.toml --polygon "40,10 200,10 200,170" --name door --zone
    """
    import cv2

    from vad_edge.common.explain import system_errors_as
    from vad_edge.config.polygons import parse_polygon
    from vad_edge.errors import ConfigError
    from vad_edge.mask_editor.editor import MaskEditor, MaskServer

    if (polygon is None) != (name is None):
        raise click.UsageError("--polygon and --name belong together")
    if zone and polygon is None:
        raise click.UsageError("--zone belongs to --polygon: the page asks for the kind of each place")
    if picture is not None and not cv2.haveImageWriter(str(picture)):
        raise ConfigError("this is no picture's name", where=str(picture), fix="let it end in .png")
    editor = MaskEditor(config, camera, source)
    if polygon is not None and name is not None:
        kind: PlaceKind = "zone" if zone else "ignore"
        editor.add(kind, name, parse_polygon(polygon, *editor.size))
        click.echo(f"{config}: {kind} {name} on camera {editor.camera.name}")
    elif picture is None:
        fix = "give another --port, or none"
        with system_errors_as(ConfigError, "the page cannot be served", f"port {port}", fix=fix):
            server = MaskServer(editor, port)
        click.echo(f"draw at {server.url} (Ctrl-C ends)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("")
        finally:
            server.server_close()
    if picture is not None:
        _, data = cv2.imencode(picture.suffix, editor.picture())
        with system_errors_as(ConfigError, "cannot be written", picture, fix="give a folder that is there"):
            picture.write_bytes(data.tobytes())
