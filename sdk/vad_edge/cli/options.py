"""Options that several commands have; passwords come from files, the environment or the site file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from vad_edge.cli.types import DATA_FOLDER

BROKER_VARIABLE = "VAD_EDGE_BROKER"

_Function = TypeVar("_Function", bound=Callable[..., Any])


training_precision_option = click.option(
    "--precision",
    type=click.Choice(["auto", "32-true", "16-mixed", "bf16-mixed"]),
    default="auto",
    show_default=True,
    help="Auto is bf16-mixed where GPU or CPU multiply bfloat16 and the model bears it.",
)
labelled_data_option = click.option(
    "--data", required=True, type=DATA_FOLDER, help="Folder with testing/ clips and labels.csv."
)


def broker_options(function: _Function) -> _Function:
    """Add --broker and --broker-password-file; the command gets `broker` and `broker_password_file`."""
    url = click.option(
        "--broker",
        metavar="URL",
        envvar=BROKER_VARIABLE,
        callback=_without_password,
        help=f"mqtt://[USER@]HOST[:PORT], mqtts://..., embedded, or none; {BROKER_VARIABLE} without it.",
    )
    password = click.option(
        "--broker-password-file",
        type=click.Path(path_type=Path),
        help="A file with the password; VAD_EDGE_MQTT_PASSWORD holds it otherwise.",
    )
    return url(password(function))


def _without_password(context: click.Context, parameter: click.Parameter, url: str | None) -> str | None:
    from vad_edge.mqtt.address import holds_password

    given = parameter.name is not None and (
        context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    )
    if url is not None and given and holds_password(url):
        raise click.BadParameter(
            "a password on the command line is read by every user of this machine (ps shows it); give "
            "mqtt://USER@HOST and --broker-password-file FILE, or put the URL into the site file or "
            f"{BROKER_VARIABLE}"
        )
    return url
