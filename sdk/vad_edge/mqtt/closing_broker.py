"""amqtt's broker, with every connection closed that it has finished with."""

from __future__ import annotations

import asyncio

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
