"""The error types: one for each cause a caller can act on; a message says what, where and what to do."""

from __future__ import annotations


class VadEdgeError(Exception):
    """Base of every error this project raises on purpose.

    The message reads ``what was wrong``, ``where`` and ``what to do``; the parts stay attached.
    `exit_code` is what a command ends with: 2 for the user's mistake, 1 for the world's.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what = what
        self.where = where
        self.fix = fix
        super().__init__(self._message())

    def _message(self) -> str:
        message = f"{self.where}: {self.what}" if self.where else self.what
        return f"{message}; {self.fix}" if self.fix else message


class ConfigError(VadEdgeError):
    """A site file, option or value the user gave is wrong."""

    exit_code = 2


class BundleError(VadEdgeError):
    """A bundle or camera pack cannot be trusted, read, or used for what was asked."""

    exit_code = 2


class SourceError(VadEdgeError):
    """A camera, video file, folder or stream gives no frames."""


class CameraError(VadEdgeError):
    """A camera's control interface does not answer, refuses us, or says what cannot be read.

    refused is true where the camera does not take the user and the password.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "", refused: bool = False) -> None:
        self.refused = refused
        super().__init__(what, where=where, fix=fix)


class EngineError(VadEdgeError):
    """A model graph cannot be loaded or run on this machine."""


class SensorError(VadEdgeError):
    """A sensor payload, or a recording of sensors, is not what was declared."""


class BrokerError(VadEdgeError):
    """An MQTT broker cannot be reached, or refused us."""


class BridgeError(VadEdgeError):
    """A building system does not answer, or refuses what was asked of it."""


class StoreError(VadEdgeError):
    """The event store on disk cannot be opened, read or written."""


class OutputError(VadEdgeError):
    """A file cannot be written, or not all of it: a full disk, a closed folder, an encoder that ended."""


class DeviceError(VadEdgeError):
    """A board is not what it was said to be, or a step on it failed."""


class DataError(VadEdgeError):
    """A dataset on disk is incomplete or not laid out as described."""

    exit_code = 2


class PathError(VadEdgeError):
    """A name that came as data would lead out of its folder."""


class MissingExtraError(VadEdgeError):
    """A command needs packages that are not installed; the message names the extra that brings them."""

    exit_code = 2


class PluginError(VadEdgeError):
    """A plug-in that was asked for cannot be imported, or is not what its group asks for."""
