"""The report of a check: plain data for a file to send on, with nothing in it that tells whose it is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

from vad_edge import __version__
from vad_edge.bundle.archive import Bundle
from vad_edge.runtime.engine_check.steps import Result

SCHEMA: Final = 1
_PATH: Final = re.compile(r"(?<!\w)(?:/[^\s/:;,'\"()\[\]|<>]+)+/?")


def make_report(
    bundle: Bundle, results: Sequence[Result], *, day: date, complete: bool, private: Iterable[str] = ()
) -> dict[str, Any]:
    """The report of what was done so far; complete where nothing is left to do.

    Paths are cut out of every text, and so is each of `private`.
    """
    figures = {result.step.check: result.figures for result in results if not result.step.engine}
    states = Counter(result.state for result in results)
    report = {
        "report": "vad-edge engine check",
        "schema": SCHEMA,
        "vad_edge": __version__,
        "day": day.isoformat(),
        "complete": complete,
        "summary": {state: states[state] for state in ("ok", "failed", "skipped")},
        "machine": {**figures.get("machine", {}), "gpu": figures.get("find the GPU") or None},
        "bundle": _model(bundle),
        "steps": [
            result.to_dict() for result in results if result.step.check != "machine" or result.state != "ok"
        ],
    }
    scrubbed: dict[str, Any] = _scrub_all(report, sorted(private, key=len, reverse=True))
    return scrubbed


def scrub(text: str, private: Iterable[str] = ()) -> str:
    """The text without paths and without what is private."""
    for secret in private:
        text = text.replace(secret, "<path>")
    return _PATH.sub("<path>", text)


def _model(bundle: Bundle) -> dict[str, Any]:
    """What the model is like; its name may say where it watches."""
    manifest = bundle.manifest
    return {
        "sha256": bundle.sha256,
        "height": manifest.height,
        "width": manifest.width,
        "synthetic": manifest.provenance.synthetic,
        "graphs": [
            {
                "precision": graph.precision,
                "backend": graph.backend,
                "bytes": len(bundle.member(graph.member)),
            }
            for graph in manifest.graphs
        ],
    }


def _scrub_all(value: Any, private: Sequence[str]) -> Any:
    if isinstance(value, str):
        return scrub(value, private)
    if isinstance(value, dict):
        return {name: _scrub_all(part, private) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_scrub_all(part, private) for part in value]
    return value
