"""The answer to "may this be used here?", with the reason when it may not."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something may be used, and if not, why and what to do."""

    ok: bool
    reason: str = ""
    fix: str = ""
