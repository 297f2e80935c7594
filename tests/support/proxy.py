"""A TCP proxy on loopback that can stop carrying what is said, and cut everything off."""

from __future__ import annotations

import contextlib
import socket
import threading


class Proxy:
    """Stands between a client and a server on loopback until it is closed."""

    def __init__(self, port: int) -> None:
        self.deaf = threading.Event()
        """While set, what the server answers is thrown away."""
        self.dropping = threading.Event()
        """While set, whatever either side says is thrown away, and connections stay open."""
        self.shut = threading.Event()
        """While set, whoever connects is turned away."""
        self._target = ("127.0.0.1", port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self._server.getsockname()[1]}"

    def cut(self) -> None:
        """Break every connection, as a pulled cable with a switch behind it would."""
        while self._open:
            with contextlib.suppress(OSError):
                self._open.pop().shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            far = None
            if not self.shut.is_set():
                with contextlib.suppress(OSError):
                    far = socket.create_connection(self._target)
            if far is None:
                near.close()
                continue
            self._open += [near, far]
            for source, sink, answers in ((near, far, False), (far, near, True)):
                thread = threading.Thread(target=self._carry, args=(source, sink, answers), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _carry(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not (self.dropping.is_set() or (answers and self.deaf.is_set())):
                    sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()
