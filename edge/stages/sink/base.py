"""What every sink can be told; each overrides what it wants to hear."""

from __future__ import annotations

from collections.abc import Sequence

from edge.records.frame import Frame
from edge.records.identity import Decision, LiveIdentity, Settled
from edge.stages.sink.summary import RunSummary

__all__ = ["Sink"]


class Sink:
    """Writes one kind of output; does nothing unless overridden.

    All methods of one sink are called from one thread at a time. Every method may raise
    :class:`edge.errors.RunError` when its file cannot be written.
    """

    def decide(self, decisions: Sequence[Decision]) -> None:
        """Take decisions in the order they were made."""

    def settle(self, settled: Settled) -> None:
        """Take boxes of one camera whose identity is final, in frame order."""

    def merge(self, old: int, new: int) -> None:
        """Take notice that all that was written as identity ``old`` is identity ``new``."""

    def show(self, frame: Frame, live: LiveIdentity) -> None:
        """Take a picture and what is believed about it at present."""

    def close(self, summary: RunSummary) -> None:
        """Write what is left and let go of the files; called once, also after an error."""
