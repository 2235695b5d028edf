"""A worker process ends when the process that started it does, however that ended."""

from __future__ import annotations

import os
from multiprocessing import connection, parent_process
from threading import Thread

__all__ = ["end_with_parent"]


def end_with_parent() -> None:
    """Watch over the parent from a thread, and end this process at once when it is gone.

    A process pool's workers wait for work for ever when their parent is killed: each holds both ends of their
    queue. For the start of a worker process; in a process that has no parent of its own kind it does nothing.
    """
    parent = parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        connection.wait([sentinel])
        os._exit(1)

    Thread(target=watch, name="end-with-parent", daemon=True).start()
