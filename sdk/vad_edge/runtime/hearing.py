"""Whether a site's sensors can be heard at all."""

from __future__ import annotations

from vad_edge.bundle.verdict import Verdict
from vad_edge.config.site import SiteConfig


def sensors_heard(site: SiteConfig) -> Verdict:
    """Sensors speak over MQTT alone: a site that has some must have a broker."""
    if not site.sensor or site.broker.url != "none":
        return Verdict(ok=True)
    names = ", ".join(sensor.name for sensor in site.sensor)
    return Verdict(
        ok=False,
        reason=f"there is no broker, so no sensor is heard ({names})",
        fix="give --broker mqtt://HOST or the site file a [broker] url, or leave the sensors out",
    )
