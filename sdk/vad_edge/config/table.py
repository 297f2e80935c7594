"""What every table of the site file is built on."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table that takes no key it does not know, no infinity and no NaN, and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def all_different(names: Sequence[str]) -> None:
    """Raises ValueError for a name that is given twice."""
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the name {name!r} is given twice")
