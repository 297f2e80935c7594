"""`vad-edge bundle`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from vad_edge.cli.types import OUTPUT_FILE

_SHOWN = ("trial_auc_drop", "trial_score_correlation", "micro_online")


@click.group(name="bundle")
def command() -> None:
    """Look into bundles, and sign them."""


@command.command(name="show")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def show(bundle: Path, as_json: bool) -> None:
    """Verify a bundle and say what is in it.

    \b
    vad-edge bundle show my.vadb
    """
    from vad_edge.bundle.archive import read_bundle

    facts = read_bundle(bundle).describe()
    if as_json:
        click.echo(json.dumps(facts))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False)
    clock, origin = facts["clock"], facts["provenance"]
    rows = {
        "name": facts["name"],
        "file": f"{facts['path']}, {facts['bytes'] / 1e6:.2f} MB, sha256 {facts['sha256'][:16]}...",
        "signature": "by a trusted key" if facts["signed"] else "not checked: no trusted key given",
        "input": f"{facts['height']}x{facts['width']} at {clock['fps']:g} frames a second",
        "warm-up": f"{clock['warmup_frames']} frames",
        "cues": ", ".join(facts["cues"]),
        "graphs": "\n".join(_graph_line(graph) for graph in facts["graphs"]),
        "trained on": f"{origin['trained_on']}{' (synthetic)' if origin['synthetic'] else ''}",
        "made": f"{origin['created']} by vad-edge {origin['code_version']}",
        "parity": ", ".join(f"{key} {value:.3g}" for key, value in origin["parity"].items()),
        "metrics": ", ".join(f"{key} {value:.4f}" for key, value in origin["metrics"].items()),
        "notes": origin["notes"],
        "licence": origin["license"],
    }
    for key, value in rows.items():
        if value:
            table.add_row(key, str(value))
    Console().print(table)


@command.command(name="keygen")
@click.argument("key", type=click.Path(dir_okay=False, path_type=Path))
def keygen(key: Path) -> None:
    """Make a signing key; its public half lies beside it as .pub, for boards to trust.

    \b
    vad-edge bundle keygen site.key
    """
    from vad_edge.bundle.keys import make_key

    public = make_key(key)
    click.echo(f"{key}: keep it secret, and off the boards")
    click.echo(f"{public}: what boards are to trust; see `vad-edge provision --trust`")


@command.command(name="sign")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--key", required=True, type=click.Path(path_type=Path), help="The signing key.")
@click.option("--output", type=OUTPUT_FILE, help="Written in place by default.")
def sign(bundle: Path, key: Path, output: Path | None) -> None:
    """Sign a bundle, so that boards that trust the key take it.

    \b
    vad-edge bundle sign my.vadb --key site.key
    """
    from vad_edge.bundle.archive import sign_bundle
    from vad_edge.bundle.keys import read_private_key

    sign_bundle(bundle, output or bundle, read_private_key(key))
    click.echo(f"{output or bundle}: signed")


@command.command(name="verify")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Public key; this machine's by default.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def verify(bundle: Path, keys: tuple[Path, ...], as_json: bool) -> None:
    """Check that a bundle is whole and, where there are keys, that one of them signed it; exit code 2 if not.

    \b
    vad-edge bundle verify my.vadb --key site.pub
    """
    from vad_edge.bundle.archive import read_bundle
    from vad_edge.bundle.keys import read_public_key, trusted_keys

    trusted = tuple(read_public_key(key) for key in keys) or trusted_keys()
    found = read_bundle(bundle, trusted=trusted)
    if as_json:
        click.echo(json.dumps({"path": str(bundle), "sha256": found.sha256, "signed": found.signed}))
    else:
        by = "signed by a trusted key" if found.signed else "whole; no key was given to check its signature"
        click.echo(f"{bundle}: {by}")


def _graph_line(graph: dict[str, Any]) -> str:
    runner = "any engine" if graph["backend"] == "any" else graph["backend"]
    calibration = graph["calibration"]
    footage = f"calibrated on {calibration['seconds']:.0f} s" if calibration else "not calibrated"
    size = f"{graph['bytes'] / 1e6:.2f} MB"
    found = [f"{name} {value:.4f}" for name, value in graph["measured"].items() if name in _SHOWN]
    return ", ".join([f"{graph['precision']} for {runner}", size, footage, *found])
