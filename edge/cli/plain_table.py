"""Tables on standard output: with lines for somebody who looks, plain columns for a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["print_table"]

Rows = Sequence[Sequence[str]]


def print_table(rows: Rows, words: Sequence[str] = ()) -> None:
    """Print a table.

    Args:
        rows: the head, and then the rows; the first column names the row.
        words: heads of further columns that hold words; all others hold numbers, to the right.
    """
    if sys.stdout.isatty():
        _print_rich(rows, words)
    else:
        _print_columns(rows, words)


def _print_rich(rows: Rows, words: Sequence[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, title in enumerate(rows[0]):
        table.add_column(title, justify="right" if index and title not in words else "left")
    for row in rows[1:]:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _print_columns(rows: Rows, words: Sequence[str]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            f"{cell:>{width}}" if index and rows[0][index] not in words else f"{cell:<{width}}"
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join(cells).rstrip())
