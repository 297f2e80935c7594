"""The site a run's options and its site file make together."""

from __future__ import annotations

from pathlib import Path

from vad_edge.config.load import checked, load_site
from vad_edge.config.site import CameraConfig, SiteConfig
from vad_edge.errors import ConfigError


def site_from_options(
    *,
    config: Path | None = None,
    camera: int | None = None,
    source: str | None = None,
    bundle: Path | None = None,
    broker: str | None = None,
    broker_password_file: Path | None = None,
    calibration: Path | None = None,
) -> SiteConfig:
    """The site file with what the options say instead.

    Without a file, a camera or source makes a site of its own. Raises ConfigError where they contradict each
    other, or leave out what a run needs.
    """
    if camera is not None and source is not None:
        raise ConfigError("both --camera and --source are given", fix="give one of them")
    site = load_site(config) if config is not None else SiteConfig()
    given: str | int | None = camera if camera is not None else source
    if given is not None:
        site = _with_source(site, given, config)
    if not site.camera and not site.sensor:
        raise ConfigError(
            "there is nothing to watch",
            where=str(config) if config is not None else "",
            fix="give --camera 0, --source PATH or --config SITE.toml"
            if config is None
            else "add a [[camera]] or [[sensor]] table",
        )
    if calibration is not None:
        site = _with_calibration(site, calibration, config)
    if bundle is not None:
        site = site.model_copy(update={"bundle": bundle})
    if site.camera and site.bundle is None:
        raise ConfigError(
            "no model is given",
            fix="give --bundle NAME.vadb; `vad-edge export` makes one, `vad-edge demo` has one",
        )
    return with_broker(site, broker, broker_password_file)


def recorded_camera(
    camera: int | None, source: str | None, site: SiteConfig | None, name: str | None
) -> CameraConfig:
    """The camera to record: the site's `name`, at an index or source where one is given.

    Without a site it has no masks. Raises ConfigError unless exactly one is meant.
    """
    given: str | int | None = camera if camera is not None else source
    if None not in (camera, source) or (given is None and site is None):
        raise ConfigError(
            "one source is needed", fix="give --camera 0, --source PATH|URL or --config SITE.toml"
        )
    if site is None or (given is not None and not site.camera):
        return checked(CameraConfig, name="camera", source=given)
    found = site.camera_named(name, where="--config")
    if given is not None:
        return checked(found, source=given)
    if found.source is None:
        raise ConfigError("this camera has no source", where="--config", fix="give --camera 0 or --source")
    return found


def with_broker(site: SiteConfig, url: str | None, password_file: Path | None) -> SiteConfig:
    """The site with another broker, and another file for its password, where they are given."""
    given = {"url": url, "password_file": password_file}
    changes = {key: value for key, value in given.items() if value is not None}
    return site.model_copy(update={"broker": checked(site.broker, **changes)})


def _with_calibration(site: SiteConfig, calibration: Path, config: Path | None) -> SiteConfig:
    if len(site.camera) != 1:
        raise ConfigError(
            f"there are {len(site.camera)} cameras; whose calibration is it?",
            where=str(config),
            fix='name each camera\'s pack in the site file: calibration = "NAME.vadc"',
        )
    camera = site.camera[0].model_copy(update={"calibration": calibration})
    return site.model_copy(update={"camera": (camera,)})


def _with_source(site: SiteConfig, source: str | int, config: Path | None) -> SiteConfig:
    if len(site.camera) > 1:
        raise ConfigError(
            f"the site file has {len(site.camera)} cameras; which one is meant?",
            where=str(config),
            fix="change its source there",
        )
    camera = site.camera[0] if site.camera else CameraConfig(name="camera")
    return site.model_copy(update={"camera": (checked(camera, source=source),)})


def listening_site(
    config: Path | None, broker: str | None, broker_password_file: Path | None, site: str | None = None
) -> SiteConfig:
    """The site whose broker is looked at from outside a run; `site` is its name where there is no file.

    Raises ConfigError where there is no broker that others can reach.
    """
    found = load_site(config) if config is not None else SiteConfig()
    if site is not None:
        found = found.model_copy(update={"site": site})
    return with_outside_broker(found, broker, broker_password_file)


def with_outside_broker(
    site: SiteConfig, broker: str | None, broker_password_file: Path | None
) -> SiteConfig:
    """The site, with another broker where one is given. Raises ConfigError where others cannot reach it."""
    found = with_broker(site, broker, broker_password_file)
    if found.broker.address in ("none", "embedded"):
        raise ConfigError(
            "no broker is given"
            if found.broker.address == "none"
            else "an embedded broker lives in its run alone",
            fix="give --broker mqtt://HOST, or --config SITE.toml with a [broker] table",
        )
    return found
