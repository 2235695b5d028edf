"""Who computes a network: one function to open a session, one protocol to run it.

``open_session`` opens a file of weights; :func:`check_ports` compares what was opened with its model
card. The backends are listed in :mod:`edge.backends.table` and imported only when one is opened.
"""

from __future__ import annotations

from edge.backends.ports import check_ports
from edge.backends.session import Batch, Port, Session
from edge.backends.table import AUTO, BACKENDS, open_session

__all__ = ["AUTO", "BACKENDS", "Batch", "Port", "Session", "check_ports", "open_session"]
