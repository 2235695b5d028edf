"""From a network to a file for another runtime, checked against what it was made from.

A graph is rewritten (free batch, pre-processing inside, half precision, Q/DQ INT8), compared with its source
in the same run, and refused where it computes something else or loses too much accuracy.
"""

from __future__ import annotations

__all__: list[str] = []
