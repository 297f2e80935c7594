"""When a site's cameras are armed, as the site file says it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, StringConstraints, field_validator, model_validator
from typing_extensions import Self

from vad_edge.config.table import Table

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday")
TimeOfDay = Annotated[str, StringConstraints(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]


class ArmedConfig(Table):
    """A time of the day in which cameras are armed.

    begin and end are local times, ``18:00``; where end is not after begin it lies on the next day, and days
    are those on which it begins. cameras lists whom it is for; all of them when empty.
    """

    days: tuple[Day, ...] = Field(default=DAYS, min_length=1)
    begin: TimeOfDay
    end: TimeOfDay
    cameras: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _begins_on_its_day(self) -> Self:
        if self.begin == "24:00":
            raise ValueError("begin lies on its own day: 00:00 to 23:59")
        return self


class ScheduleConfig(Table):
    """When cameras are armed. A camera that no time is for is always armed.

    timezone is a name such as ``Europe/Berlin``. A date in holidays is a ``holiday`` and no day of the week.
    """

    timezone: str = "UTC"
    holidays: tuple[date, ...] = ()
    armed: tuple[ArmedConfig, ...] = ()

    @field_validator("timezone")
    @classmethod
    def _zone_is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is no time zone of this machine, such as 'Europe/Berlin'") from error
        return name
