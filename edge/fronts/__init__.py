"""Fronts: how frames reach the pipeline, and the run as a whole.

The native front decodes with PyAV and runs every stage here. From the crops on, :class:`Tail` is the same
for every front.
"""

from __future__ import annotations

from edge.fronts.board import Board
from edge.fronts.keeper import Keeper, end_killed_run, open_state
from edge.fronts.native import NativeFront
from edge.fronts.region import Region
from edge.fronts.run import Facts, Front, Result, Run, View
from edge.fronts.tail import Association, Tail

__all__ = [
    "Association",
    "Board",
    "Facts",
    "Front",
    "Keeper",
    "NativeFront",
    "Region",
    "Result",
    "Run",
    "Tail",
    "View",
    "end_killed_run",
    "open_state",
]
