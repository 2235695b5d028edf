"""So many crops per second for all cameras together, the most urgent first."""

from __future__ import annotations

__all__ = ["Budget"]

# The bucket holds one second's worth, and nobody's clock may fill more than that at once.
_BURST_S = 1.0
_NS_PER_S = 1e9


class Budget:
    """A token bucket in event time, with a price.

    Frames come one by one, so nobody can line up all candidates of all cameras. Instead a part of the bucket
    is kept back from what is less urgent: a candidate of urgency ``u`` is served only while more than
    ``1 / (2 u)`` of the bucket is left, so what is most urgent anywhere finds a token, and where the
    budget is short the same urgency is reached in all cameras.

    Cameras' clocks need not agree, and may jump: each counts only by how far it has moved since its frame
    before, at most a second.

    Args:
        per_second: tokens that come in one second; None for as many as anybody wants.
    """

    def __init__(self, per_second: float | None) -> None:
        self._per_second = per_second
        self._capacity = max(1.0, (per_second or 0.0) * _BURST_S)
        self._tokens = self._capacity
        self._clock_s = 0.0
        self._seen_ns: dict[str, int] = {}
        self._progress_s: dict[str, float] = {}

    def advance(self, camera: str, taken_ns: int) -> None:
        """A frame of ``camera`` has come: add the tokens that time has brought."""
        if self._per_second is None:
            return
        passed_s = (taken_ns - self._seen_ns.get(camera, taken_ns)) / _NS_PER_S
        self._seen_ns[camera] = taken_ns
        started_s = max(self._progress_s.get(camera, self._clock_s), self._clock_s - _BURST_S)
        progress_s = started_s + min(max(passed_s, 0.0), _BURST_S)
        self._progress_s[camera] = progress_s
        if progress_s > self._clock_s:
            gained = (progress_s - self._clock_s) * self._per_second
            self._tokens = min(self._capacity, self._tokens + gained)
            self._clock_s = progress_s

    def allows(self, urgency: float) -> bool:
        """Whether a candidate may have a token.

        Args:
            urgency: more than 0; infinite for what must not wait for anything.
        """
        if self._per_second is None:
            return True
        kept_back = min(0.5 / urgency, 1.0) * (self._capacity - 1.0)
        return self._tokens >= 1.0 + kept_back - 1e-9

    def take(self) -> None:
        """Use one token; ask :meth:`allows` first."""
        if self._per_second is not None:
            self._tokens -= 1.0
