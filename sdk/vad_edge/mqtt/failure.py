"""Why a broker could not be reached, in words."""

from __future__ import annotations

import socket
import ssl

from vad_edge.mqtt.address import BrokerAddress


def connect_failure(address: BrokerAddress, error: BaseException | None) -> str:
    """One clause that names the broker and the cause, and for TLS what to do about it."""
    if isinstance(error, ConnectionRefusedError):
        return f"connection refused by {address} (is a broker running there?)"
    if isinstance(error, socket.gaierror):
        return f"broker host {address.host!r} is not known: {error.strerror}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"broker {address} has a certificate we do not trust: {error.verify_message}; set broker.ca_file"
        )
    if isinstance(error, ssl.SSLError):
        return f"broker {address} does not speak TLS as we do: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return f"broker {address} does not answer"
    detail = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"cannot reach broker {address}: {detail}"
