"""What the workers have done so far, for summary.json and the views."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from edge.ipg.jobs import Aside, JobQueue
from edge.ipg.messages import Done
from edge.stages.sink import WorkerRow

__all__ = ["Tally"]

LATELY_S = 60.0
TOLD_MAX = 20  # jobs set aside, and causes of restarts, that are told one by one


class Tally:
    """Counts; the supervisor's thread adds, any thread reads.

    generator: fingerprint of what draws, empty until a worker is ready.
    busy_s: seconds the workers computed.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._since_s = now_s()
        self._done_at_s: deque[float] = deque(maxlen=10_000)
        self._done = self._kept = self._too_far = self._like_another = 0
        self._aside: deque[Aside] = deque(maxlen=TOLD_MAX)
        self._last_loss = ""
        self.generator = ""
        self.busy_s = 0.0

    def done(self, message: Done) -> None:
        """A person is drawn."""
        self._done += 1
        self._kept += message.kept
        self._too_far += message.too_far
        self._like_another += message.like_another
        self._done_at_s.append(self._now_s())

    def aside(self, job: Aside) -> None:
        """A job is set aside."""
        self._aside.append(job)

    def lost(self, why: str) -> None:
        """A worker was lost."""
        self._last_loss = why

    def row(
        self,
        queue: JobQueue,
        *,
        state: str,
        reason: str,
        workers: int,
        in_hand: int,
        restarts: int,
        paused_s: float,
    ) -> WorkerRow:
        """Return everything as one record."""
        now_s = self._now_s()
        counts = queue.counts()
        over_s = min(max(now_s - self._since_s, 1.0), LATELY_S)
        lately = sum(1 for at_s in list(self._done_at_s) if now_s - at_s <= over_s)
        return WorkerRow(
            state=state,
            reason=reason,
            workers=workers,
            generator=self.generator,
            queue=counts.depth,
            oldest_s=counts.oldest_s,
            in_hand=in_hand,
            asked=counts.asked,
            dropped=counts.dropped,
            replaced=counts.replaced,
            identities=self._done,
            identities_per_minute=lately * 60.0 / over_s,
            pictures=self._kept,
            rejected_too_far=self._too_far,
            rejected_like_another=self._like_another,
            restarts=restarts,
            last_loss=self._last_loss,
            set_aside=queue.set_aside,
            set_aside_jobs=tuple((job.identity, job.reason) for job in list(self._aside)),
            busy_s=self.busy_s,
            paused_s=paused_s,
        )
