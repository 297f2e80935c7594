from __future__ import annotations

import pytest

from vad_edge.health.overload import Overload, heat_of, nearest_limit, overload_of
from vad_edge.health.thermal import Thermal, Zone

FINE = Overload()


def at(celsius: float, slows_at_c: float | None = 99.0, *slowed_by: str) -> Thermal:
    return Thermal((Zone("aux", 20.0, None), Zone("gpu-thermal", celsius, slows_at_c)), slowed_by)


@pytest.mark.parametrize(
    ("thermal", "busy", "hot_c", "before", "overload"),
    [
        (at(60), 0.5, None, FINE, Overload(eased=True)),
        (None, 0.5, None, FINE, Overload(eased=True)),
        (at(97), 0.5, None, FINE, Overload(hot=True)),
        (at(93), 0.5, None, FINE, Overload()),
        (at(93), 0.5, None, Overload(hot=True), Overload(hot=True)),
        (at(90), 0.5, None, Overload(hot=True), Overload(eased=True)),
        (at(60, 99.0, "cpu-throttle-alert"), 0.5, None, FINE, Overload(hot=True)),
        (at(71), 0.5, 70.0, FINE, Overload(hot=True)),
        (at(71, None), 0.5, 70.0, FINE, Overload(hot=True)),
        (at(120, None), 0.5, None, FINE, Overload(eased=True)),
        (at(60), 0.96, None, FINE, Overload(late=True)),
        (at(60), 0.90, None, FINE, Overload()),
        (at(60), 0.90, None, Overload(late=True), Overload(late=True)),
        (at(60), 0.80, None, FINE, Overload()),
    ],
    ids=[
        "well",
        "a machine that tells no temperature is judged by its time alone",
        "near where the kernel slows it down",
        "warm",
        "warm after hot is still hot",
        "cool again",
        "slowed down already",
        "a limit of the user's own",
        "the user's own where the zone has none",
        "a temperature without a limit says nothing",
        "no time left",
        "little time left",
        "little time left after none",
        "neither late nor at ease",
    ],
)
def test_overload_is_judged_by_heat_and_by_the_time_left(
    thermal: Thermal | None, busy: float, hot_c: float | None, before: Overload, overload: Overload
) -> None:
    assert overload_of(thermal, busy, hot_c, before=before) == overload


def test_heat_is_told_in_words() -> None:
    assert heat_of(at(97.4), None) == "gpu-thermal is at 97 °C, its limit is 99"
    assert (
        heat_of(at(60, 99.0, "cpu-throttle-alert"), None) == "its kernel slows it down (cpu-throttle-alert)"
    )
    assert heat_of(at(97.4), 80.0) == "gpu-thermal is at 97 °C, its limit is 80"
    assert heat_of(at(71.0, None), 70.0) == "gpu-thermal is at 71 °C, its limit is 70"
    assert heat_of(Thermal(), 70.0) == "it is hot"
    assert nearest_limit(Thermal(), None) is None
