"""How things flow: bounded channels, stage loops, meters and the threads that run them.

Nothing here knows about vision; any item may travel.
"""

from __future__ import annotations

from edge.flow.channel import Channel, ChannelStats, Closed, FullPolicy, Inlet, Outlet
from edge.flow.fair import FairChannel, Lane
from edge.flow.meter import MeterSnapshot, StageMeter
from edge.flow.pump import pump, pump_batches
from edge.flow.signals import StopSignals
from edge.flow.worker import Workers

__all__ = [
    "Channel",
    "ChannelStats",
    "Closed",
    "FairChannel",
    "FullPolicy",
    "Inlet",
    "Lane",
    "MeterSnapshot",
    "Outlet",
    "StageMeter",
    "StopSignals",
    "Workers",
    "pump",
    "pump_batches",
]
