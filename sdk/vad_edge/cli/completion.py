"""`vad-edge completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from vad_edge.errors import ConfigError


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of a shell.

    \b
    vad-edge completion bash > ~/.local/share/bash-completion/completions/vad-edge
    """
    from vad_edge.cli.app import main

    script = get_completion_class(shell)
    if script is None:
        raise ConfigError(f"there is no completion for {shell}")
    click.echo(script(main, {}, "vad-edge", "_VAD_EDGE_COMPLETE").source())
