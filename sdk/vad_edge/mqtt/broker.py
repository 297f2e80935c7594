"""A broker inside this process, for demos and single boxes: amqtt on loopback, anonymous."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from types import TracebackType
from typing import Any

from typing_extensions import Self

from vad_edge.errors import BrokerError, MissingExtraError

_START_S = 10.0
_STOP_S = 5.0
_SETTLE_S = 0.05


class EmbeddedBroker:
    """Runs a broker from entering to leaving the context, in a thread with an event loop of its own.

    It listens on 127.0.0.1 only, since anyone may connect. Raises MissingExtraError without amqtt,
    BrokerError if it does not come up.
    """

    def __init__(self, port: int | None = None) -> None:
        self.port = port or _free_port()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._serve, name="embedded-broker", daemon=True)
        self._up = threading.Event()
        self._error: Exception | None = None
        self._done: asyncio.Event | None = None

    @property
    def url(self) -> str:
        """Where to connect. It asks for MQTT 3.1.1: amqtt leaves an MQTT 5 client without an answer."""
        return f"mqtt://127.0.0.1:{self.port}?version=3.1.1"

    def __enter__(self) -> Self:
        try:
            import amqtt.broker  # noqa: F401 - many do without it
        except ImportError:
            raise MissingExtraError(
                "the embedded broker needs amqtt",
                fix="pip install 'vad-edge[broker]', or name a broker with --broker mqtt://host",
            ) from None
        self._thread.start()
        if not self._up.wait(_START_S) or self._error is not None:
            self.close()
            raise BrokerError(
                f"the embedded broker does not start: {self._error or 'no answer'}",
                where=f"127.0.0.1:{self.port}",
            ) from self._error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the broker and its thread; safe to call twice."""
        if (
            self._up.is_set()
            and self._thread.is_alive()
            and self._loop is not None
            and self._done is not None
        ):
            self._loop.call_soon_threadsafe(self._done.set)
        if self._thread.ident is not None:
            self._thread.join(_STOP_S)

    def _serve(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception as error:
            self._error = error
        finally:
            self._up.set()

    async def _run(self) -> None:
        for name in ("amqtt", "transitions"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        broker = _closing_broker(self.port)
        await broker.start()
        self._up.set()
        await self._done.wait()
        await broker.shutdown()
        # Sockets are closed in the loop's next rounds; ending it now would leave them to the collector.
        await asyncio.sleep(_SETTLE_S)


def _closing_broker(port: int) -> Any:
    from amqtt.broker import Broker

    class ClosingBroker(Broker):  # type: ignore[misc]
        """amqtt leaves a client it refuses, or that comes while it shuts down, with an open socket."""

        async def stream_connected(
            self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
        ) -> None:
            """Serve one TCP client, and close its socket however that ends."""
            try:
                await super().stream_connected(reader, writer, listener_name)
            finally:
                writer.close()

    return ClosingBroker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
