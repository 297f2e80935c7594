"""Python's garbage collector, kept still while TensorRT may call back."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Nothing is collected meanwhile.

    TensorRT logs while it holds a lock that freeing one of its objects takes, too. A logger is Python, which
    may collect at any time; where that frees such an object, as the traceback of an earlier failure keeps,
    the call waits for itself for ever.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
