from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vad_edge.config.schedule import DAYS, ArmedConfig, ScheduleConfig
from vad_edge.runtime.arming import Schedule

BERLIN = ZoneInfo("Europe/Berlin")
WEEKDAYS = DAYS[:5]
SHOP = ScheduleConfig(
    timezone="Europe/Berlin",
    holidays=(date(2026, 12, 25), date(2026, 12, 26)),
    armed=(
        ArmedConfig(days=WEEKDAYS, begin="18:30", end="07:00"),
        ArmedConfig(days=("sat", "sun", "holiday"), begin="00:00", end="24:00"),
    ),
)


def local(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold)


@pytest.mark.parametrize(
    ("at", "armed"),
    [
        ("2026-11-23T18:29", False),  # a Monday
        ("2026-11-23T18:30", True),
        ("2026-11-24T06:59", True),
        ("2026-11-24T07:00", False),
        ("2026-11-28T12:00", True),  # a Saturday, after a Friday night
        ("2026-11-29T23:59", True),
        ("2026-11-30T00:00", False),  # a Sunday's time ends at midnight
        ("2026-12-24T12:00", False),
        ("2026-12-25T12:00", True),  # a Friday that is a holiday
        ("2026-12-26T12:00", True),
    ],
)
def test_a_shop_is_armed_by_night_at_weekends_and_on_holidays(at: str, armed: bool) -> None:
    assert Schedule(SHOP, "door").armed(local(at)) is armed


def test_without_times_for_it_a_camera_is_always_armed() -> None:
    config = ScheduleConfig(armed=(ArmedConfig(begin="01:00", end="02:00", cameras=("yard",)),))
    noon = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
    assert Schedule(config, "door").armed(noon)
    assert not Schedule(config, "yard").armed(noon)


def test_daylight_saving_moves_nothing_on_the_local_clock() -> None:
    night = Schedule(
        ScheduleConfig(timezone="Europe/Berlin", armed=(ArmedConfig(begin="02:30", end="05:00"),)), "door"
    )
    spring, autumn = date(2026, 3, 29), date(2026, 10, 25)
    before = datetime(2026, 3, 29, 0, 59, tzinfo=timezone.utc)  # 01:59; the next minute is 03:00
    assert not night.armed(before)
    assert night.armed(before + timedelta(minutes=1))
    assert [night.armed(local(f"{autumn}T02:29", fold)) for fold in (0, 1)] == [False, False]
    assert [night.armed(local(f"{autumn}T02:30", fold)) for fold in (0, 1)] == [True, True]
    lengths = []
    for day in (spring, autumn):
        midnight = datetime(day.year, day.month, day.day, tzinfo=BERLIN).astimezone(timezone.utc)
        lengths.append(sum(night.armed(midnight + timedelta(minutes=minute)) for minute in range(1440)))
    assert lengths == [120, 180]  # 03:00 to 05:00; and 02:30 to 03:00 twice


_times = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59))
_armed = st.builds(
    ArmedConfig,
    days=st.lists(st.sampled_from(DAYS), min_size=1, unique=True).map(tuple),
    begin=_times,
    end=_times,
)
_moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(
    lambda at: at.replace(tzinfo=timezone.utc)
)


@given(st.lists(_armed, min_size=1, max_size=3), _moments)
def test_a_schedule_says_what_its_times_say_one_by_one(times: list[ArmedConfig], at: datetime) -> None:
    config = ScheduleConfig(timezone="Europe/Berlin", holidays=(date(2026, 5, 1),), armed=tuple(times))
    here = at.astimezone(BERLIN)

    def begun(time: ArmedConfig, days_ago: int) -> bool:
        day = here.date() - timedelta(days=days_ago)
        name = "holiday" if day == date(2026, 5, 1) else DAYS[day.weekday()]
        clock = f"{here:%H:%M}"
        over_night = time.end <= time.begin
        if days_ago:
            return name in time.days and over_night and clock < time.end
        return name in time.days and clock >= time.begin and (over_night or clock < time.end)

    expected = any(begun(time, days_ago) for time in times for days_ago in (0, 1))
    assert Schedule(config, "door").armed(at) is expected


@given(_moments, st.integers(0, 3000))
def test_a_change_between_two_moments_is_seen(at: datetime, minutes: int) -> None:
    schedule = Schedule(SHOP, "door")
    states = {schedule.armed(at + timedelta(minutes=minute)) for minute in range(minutes + 1)}
    assert schedule.changed(at, at + timedelta(minutes=minutes)) is (len(states) > 1)
    assert not schedule.changed(at, at - timedelta(days=1))


def test_years_in_between_cost_no_more_than_a_week() -> None:
    start = datetime(2000, 1, 1, tzinfo=timezone.utc)
    assert Schedule(SHOP, "door").changed(start, start + timedelta(days=9000))


@pytest.mark.parametrize(
    "wrong",
    [
        {"timezone": "Europe/Berlinn"},
        {"timezone": "../../etc/passwd"},
        {"armed": ({"begin": "25:00", "end": "07:00"},)},
        {"armed": ({"begin": "24:00", "end": "07:00"},)},
        {"armed": ({"begin": "7:00", "end": "08:00"},)},
        {"armed": ({"begin": "07:00", "end": "08:00", "days": ("someday",)},)},
    ],
)
def test_what_is_no_schedule_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ScheduleConfig.model_validate(wrong)
