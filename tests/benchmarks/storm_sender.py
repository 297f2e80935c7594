"""Sends readings to a broker at a steady rate over a bare socket: ``PORT TOPICS RATE SECONDS``."""

from __future__ import annotations

import socket
import sys
import time

TICK_S = 0.01


def packet(topic: str, payload: bytes) -> bytes:
    """A PUBLISH of MQTT 3.1.1 with QoS 0; topic and payload are short."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + payload
    return bytes([0x30, len(body)]) + body


def main() -> None:
    port, topics, rate, seconds = (int(word) for word in sys.argv[1:])
    client = b"\x00\x04MQTT\x04\x02\x00\x3c" + b"\x00\x05storm"
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(bytes([0x10, len(client)]) + client)
        assert sock.recv(4)[3] == 0
        sent, began = 0, time.monotonic()
        while (elapsed := time.monotonic() - began) < seconds:
            due = int(rate * elapsed)
            sock.sendall(
                b"".join(
                    packet(f"storm/{n % topics}", b"%d.%d" % (20 + n % 7, n % 10)) for n in range(sent, due)
                )
            )
            sent = due
            time.sleep(TICK_S)
    sys.stdout.write(f"{sent}\n")


if __name__ == "__main__":
    main()
