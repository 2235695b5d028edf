"""How many people may be drawn, and when the workers have to pause."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from edge.config.ipg import ProtectSpec
from edge.flow import StageMeter
from edge.flow.meter import percentile_ms

__all__ = ["Guard", "Pace"]

Stages = Callable[[], Mapping[str, StageMeter]]


class Pace:
    """People per minute: as many may be drawn at once as have been saved up, at most ``burst``.

    Args:
        per_minute: people per minute in the long run.
        burst: most at once.
        now_s: a monotonic clock.
    """

    def __init__(self, per_minute: float, burst: int, now_s: Callable[[], float]) -> None:
        self._per_s = per_minute / 60.0
        self._burst = float(burst)
        self._now_s = now_s
        self._saved = self._burst
        self._since_s = now_s()

    @property
    def allowed(self) -> int:
        """How many may be drawn now."""
        now_s = self._now_s()
        self._saved = min(self._saved + (now_s - self._since_s) * self._per_s, self._burst)
        self._since_s = now_s
        return int(self._saved + 1e-9)

    def spend(self, people: int) -> None:
        """So many are being drawn."""
        self._saved -= people


class Guard:
    """Watches the latency of live stages.

    Args:
        spec: the bounds.
        stages: the stages' meters, as far as they count here.
        now_s: a monotonic clock.
    """

    def __init__(self, spec: ProtectSpec, stages: Stages, now_s: Callable[[], float]) -> None:
        self._spec = spec
        self._stages = stages
        self._now_s = now_s
        self._seen: dict[str, deque[tuple[float, Sequence[int]]]] = {}
        self._over_until_s = -1.0
        self._paused_s = 0.0
        self._looked_s: float | None = None
        self.reason = ""

    @property
    def paused_s(self) -> float:
        """For how long workers were told to pause, all in all."""
        return self._paused_s

    def look(self) -> bool:
        """Compare the last seconds with the bounds; call it a few times a second.

        Returns:
            Whether workers have to pause.
        """
        now_s = self._now_s()
        if self._looked_s is not None and self.reason:
            self._paused_s += now_s - self._looked_s
        self._looked_s = now_s
        meters = self._stages()
        over = ""
        for stage, bound_ms in self._spec.p95_ms.items():
            if stage not in meters:
                continue
            lately = self._lately(stage, meters[stage].counts(), now_s)
            found_ms = percentile_ms(lately, 0.95)
            if sum(lately) >= self._spec.least_items and found_ms > bound_ms:
                over = f"{stage} takes {found_ms:.0f} ms (p95), more than {bound_ms:g}"
        if over:
            self._over_until_s = now_s + self._spec.calm_s
            self.reason = over
        elif now_s >= self._over_until_s:
            self.reason = ""
        return bool(self.reason)

    def _lately(self, stage: str, counts: Sequence[int], now_s: float) -> list[int]:
        """Counts of the stage's histogram over the last ``over_s``."""
        seen = self._seen.setdefault(stage, deque())
        seen.append((now_s, counts))
        while len(seen) > 1 and seen[1][0] <= now_s - self._spec.over_s:
            seen.popleft()
        return [now - before for now, before in zip(counts, seen[0][1], strict=True)]
