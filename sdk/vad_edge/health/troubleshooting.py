"""The troubleshooting page, made from the registry of conditions."""

from __future__ import annotations

from vad_edge.health.conditions import Condition

_HEAD = """# Troubleshooting

Every condition that a device can report, by its code: on the `health` topic, in the live table, in the log
and in `vad-edge conditions`. The page is made from the registry:
`vad-edge conditions --markdown >docs/troubleshooting.md`.
"""


def troubleshooting_page() -> str:
    """The page in Markdown, one heading a code."""
    parts = [_HEAD]
    for condition in sorted(Condition, key=str):
        about = condition.about
        parts.append(
            f"## {condition}\n\n**{about.title}.**\n\n- Cause: {about.cause}\n- What to do: {about.fix}\n"
        )
    return "\n".join(parts)
