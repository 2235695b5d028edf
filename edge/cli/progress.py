"""What commands that work through many pictures share: progress bars, and how many processors there are."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.evaluate.features import Progress
    from edge.evaluate.retrieval_set import ProgressOf

__all__ = ["processors", "progress_bars"]


def processors() -> int:
    """How many processors this process may use."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(count, 256)


@contextmanager
def progress_bars() -> Iterator[ProgressOf]:
    """A progress bar on stderr for each list of pictures, where somebody sees it."""
    if not sys.stderr.isatty():
        yield lambda place: None
        return

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as ProgressBars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with ProgressBars(*columns, console=Console(stderr=True), transient=True) as bars:

        def progress_of(place: str) -> Progress:
            task = bars.add_task(place, total=None)

            def show(done: int, total: int) -> None:
                bars.update(task, completed=done, total=total)

            return show

        yield progress_of
