"""`vad-edge events`."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vad_edge.cli.types import OUTPUT_FILE, SINCE
from vad_edge.common.escape import for_markup, plain

if TYPE_CHECKING:
    from vad_edge.events.incidents import Answer, Incident
    from vad_edge.events.store import EventStore

Verb = TypeVar("Verb", bound=Callable[..., Any])

as_json_option = click.option("--json", "as_json", is_flag=True, help="JSON on standard output.")


def whoever_asks() -> str:
    """The user's name, as far as the system knows one."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


by_option = click.option("--by", default=whoever_asks, help="Who says so; you by default.")


def where_option(verb: Verb) -> Verb:
    """Options that say whose store is meant."""
    verb = click.option("--site", default="home", show_default=True, help="The site's name.")(verb)
    return click.option(
        "--store", metavar="DIR", type=click.Path(path_type=Path), help="The folder given to run --output."
    )(verb)


@contextmanager
def opened(store: Path | None, site: str) -> Iterator[EventStore]:
    """The store that is meant, left as it is if it is damaged."""
    from vad_edge.events.store import EventStore
    from vad_edge.runtime.settings import store_path

    found = EventStore(store_path(store, site), repair=False)
    try:
        yield found
    finally:
        found.close()


@click.group(name="events")
def command() -> None:
    """Look at incidents, answer them, hand them on or delete them.

    An incident is named by its id or the beginning of it. The store is that of `vad-edge run` without
    --output; --store names the folder that was given to it.
    """


@command.command(name="list")
@click.option("--since", type=SINCE, help="Opened in the last 30m, 2h, 7d, or since 2026-03-01.")
@click.option("--level", type=click.Choice(["watch", "warning", "alarm"]), help="Reached this level or more.")
@click.option("--camera", help="Of this camera alone.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="The newest of them."
)
@where_option
@as_json_option
def list_incidents(
    since: datetime | None,
    level: str | None,
    camera: str | None,
    limit: int,
    store: Path | None,
    site: str,
    as_json: bool,
) -> None:
    """List incidents, the oldest first.

    \b
    vad-edge events list --since 24h --level warning
    vad-edge events list --store out/clip --json
    """
    from vad_edge.events.incidents import Incidents
    from vad_edge.fusion.machine import Level

    floor = Level.NORMAL if level is None else Level[level.upper()]
    with opened(store, site) as source:
        found = Incidents(source.database).find(since=since, level=floor, camera=camera, limit=limit)
    if as_json:
        click.echo(json.dumps([incident.to_dict() for incident in found]))
        return
    from rich.console import Console
    from rich.table import Column, Table

    # The id is what other commands want: it is never cut.
    whole = Column("incident", no_wrap=True, min_width=18)
    table = Table(whole, "camera", "opened", "lasted", "level", "risk", "answer", box=None)
    for incident in found:
        table.add_row(*map(for_markup, _row(incident)))
    console = Console()
    console.print(table if found else "no incidents")


@command.command(name="show")
@click.argument("incident")
@where_option
@as_json_option
def show(incident: str, store: Path | None, site: str, as_json: bool) -> None:
    """Show one incident: its events, its evidence, and who did what with it.

    \b
    vad-edge events show 0198c2
    """
    from vad_edge.events.audit import audit_rows
    from vad_edge.events.event import to_cloudevent
    from vad_edge.events.incidents import Incidents
    from vad_edge.evidence.files import EvidenceFiles

    with opened(store, site) as source:
        found = Incidents(source.database).get(incident)
        evidence_files = EvidenceFiles(source.database)
        events, files = source.events(found.id), evidence_files.of(found.id)
        audit = audit_rows(source.database, found.id)
    if as_json:
        told = {
            "incident": found.to_dict(),
            "events": [to_cloudevent(event) for event in events],
            "evidence": [{**file.to_dict(), "path": str(evidence_files.path(file))} for file in files],
            "audit": [asdict(row) for row in audit],
        }
        click.echo(json.dumps(told))
        return
    titles = ("incident", "camera", "opened", "lasted", "peak level", "peak risk", "answer")
    lines = list(zip(titles, (found.id, *_row(found)[1:]), strict=True))
    for event in events:
        why = ", ".join(f"{name} {share:.1f}" for name, share in event.shares.items() if share >= 0.1)
        lost = "" if event.durable else ", not durable"
        lines.append((_local(event.time, "%H:%M:%S"), f"{event.kind}: {event.level}, {why or 'quiet'}{lost}"))
    for file in files:
        gone = "" if evidence_files.path(file).is_file() else " (not there)"
        lines.append((file.kind, f"{evidence_files.path(file)}, {file.bytes / 1000:.0f} kB{gone}"))
    lines += [(row.action, f"{row.at[:19]}Z by {row.who}, {row.files} files {row.reason}") for row in audit]
    for title, text in lines:
        click.echo(f"{title:<11} {plain(text)}".rstrip())


@command.command(name="ack")
@click.argument("incident")
@click.argument("answer", type=click.Choice(["true", "false", "test"]))
@click.option("--note", default="", help="What it was.")
@by_option
@where_option
@as_json_option
def acknowledge(
    incident: str, answer: Answer, note: str, by: str, store: Path | None, site: str, as_json: bool
) -> None:
    """Say what an incident was: true, a false alarm, or a test.

    \b
    vad-edge events ack 0198c2 false --note "the cleaner"
    """
    from vad_edge.events.incidents import Incidents

    with opened(store, site) as source:
        found = Incidents(source.database).acknowledge(incident, answer, by=by, note=note)
    click.echo(json.dumps(found.to_dict()) if as_json else f"{found.id} is {answer}, says {by}")


@command.command(name="export")
@click.argument("incident")
@click.option("--output", metavar="FILE.zip", type=OUTPUT_FILE, help="INCIDENT.zip here by default.")
@click.option("--reason", default="", help="Why; it is noted in the audit.")
@by_option
@where_option
@as_json_option
def export(
    incident: str, output: Path | None, reason: str, by: str, store: Path | None, site: str, as_json: bool
) -> None:
    """Write an incident to a zip: events.json and every file of evidence. The audit notes it.

    \b
    vad-edge events export 0198c2 --output report.zip --reason "for the police"
    """
    from vad_edge.events.incidents import Incidents
    from vad_edge.evidence.export import export_incident

    with opened(store, site) as source:
        name = Incidents(source.database).get(incident).id
        target = output or Path(f"{name}.zip")
        done = export_incident(source, name, target, who=by, reason=reason)
    if as_json:
        click.echo(
            json.dumps({"incident": name, "path": str(target), "events": done.events, "files": done.files})
        )
        return
    click.echo(f"{target}: {done.events} events, {done.files} files, {done.bytes / 1e6:.1f} MB")
    for file in done.missing:
        click.echo(f"not there any more: {plain(file)}", err=True)


@command.command(name="delete")
@click.argument("incident")
@click.option("--reason", default="", help="Why; it is noted in the audit.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@by_option
@where_option
@as_json_option
def delete(
    incident: str, reason: str, yes: bool, by: str, store: Path | None, site: str, as_json: bool
) -> None:
    """Delete an incident with its events and evidence for good. The audit notes that, and nothing of them.

    \b
    vad-edge events delete 0198c2 --reason "asked for by the person in it"
    """
    from vad_edge.events.incidents import Incidents
    from vad_edge.evidence.export import delete_incident

    with opened(store, site) as source:
        found = Incidents(source.database).get(incident)
        if not yes:
            click.confirm(f"Delete {found.id} of {_local(found.opened)} for good?", abort=True, err=True)
        done = delete_incident(source, found.id, who=by, reason=reason)
    if found.closed is None:
        click.echo("it was still open: what it brings from now on is kept", err=True)
    plain = {"incident": done.incident, "events": done.events, "files": done.files, "bytes": done.bytes}
    click.echo(
        json.dumps(plain) if as_json else f"deleted {done.incident}: {done.events} events, {done.files} files"
    )


def _row(incident: Incident) -> tuple[str, ...]:
    said = incident.acknowledged
    if incident.closed is None:
        lasted = "goes on"
    else:
        lasted = f"{(incident.closed - incident.opened).total_seconds():.0f} s"
        lasted += " (interrupted)" if incident.ending == "interrupted" else ""
    answer = "" if said is None else f"{said.answer} ({said.by}) {said.note}".strip()
    level, risk = str(incident.peak_level), f"{incident.peak_risk:.1f}"
    # Three groups of an id hold its time to the microsecond, which is enough to tell incidents apart.
    short = incident.id[:18]
    return short, incident.camera, _local(incident.opened), lasted, level, risk, answer


def _local(time: datetime, shape: str = "%Y-%m-%d %H:%M:%S") -> str:
    return time.astimezone().strftime(shape)
