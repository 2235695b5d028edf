"""What the background worker did, for summary.json, the live view and the report."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WorkerRow", "worker_json", "worker_line"]


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """The workers of a run.

    state: ``starting``, ``idle``, ``drawing``, ``paused`` (for the live path's sake), ``waiting`` (to be
        started again), ``ended`` with the run, or ``off``; reason: why it is paused or off.
    workers: processes; generator: fingerprint of what draws, empty until one is ready.
    queue, oldest_s: jobs that wait, and how long the oldest has waited; in_hand: those being drawn.
    asked, dropped, replaced: jobs asked for; of those the ones there was no room for, and those asked for
        again before they were begun.
    identities, identities_per_minute: people drawn, and lately per minute.
    pictures, rejected_too_far, rejected_like_another: pictures kept, and those the fidelity gate refused.
    restarts, last_loss: processes started after the first ones, and why the last one was.
    set_aside, set_aside_jobs: jobs a worker failed with twice; the last ones with identity and reason.
    busy_s, paused_s: seconds the workers computed, and were told to pause.
    """

    state: str
    reason: str
    workers: int
    generator: str
    queue: int
    oldest_s: float
    in_hand: int
    asked: int
    dropped: int
    replaced: int
    identities: int
    identities_per_minute: float
    pictures: int
    rejected_too_far: int
    rejected_like_another: int
    restarts: int
    last_loss: str
    set_aside: int
    set_aside_jobs: tuple[tuple[int, str], ...]
    busy_s: float
    paused_s: float

    @property
    def rejected(self) -> int:
        """Pictures the fidelity gate refused."""
        return self.rejected_too_far + self.rejected_like_another


def worker_json(row: WorkerRow) -> dict[str, object]:
    """The object ``worker`` of summary.json; docs/outputs.md describes it."""
    return {
        "state": row.state,
        "reason": row.reason,
        "workers": row.workers,
        "generator": row.generator,
        "queue": row.queue,
        "oldest_s": round(row.oldest_s, 3),
        "in_hand": row.in_hand,
        "asked": row.asked,
        "dropped": row.dropped,
        "replaced": row.replaced,
        "identities": row.identities,
        "identities_per_minute": round(row.identities_per_minute, 3),
        "pictures": row.pictures,
        "rejected": {"too_far": row.rejected_too_far, "like_another": row.rejected_like_another},
        "restarts": row.restarts,
        "last_loss": row.last_loss,
        "set_aside": row.set_aside,
        "set_aside_jobs": [{"identity": who, "reason": why} for who, why in row.set_aside_jobs],
        "busy_s": round(row.busy_s, 3),
        "paused_s": round(row.paused_s, 3),
    }


def worker_line(row: WorkerRow) -> str:
    """The workers in one line of a log or a terminal."""
    parts = [f"worker {row.state}" + (f" ({row.reason})" if row.reason else "")]
    if row.state != "off":
        waiting = f"{row.queue} waiting" + (f" for {row.oldest_s:.0f} s" if row.queue else "")
        parts.append(waiting)
    parts.append(f"{row.identities} people drawn, {row.identities_per_minute:.1f} per minute")
    if row.rejected:
        parts.append(f"{row.rejected} of {row.pictures + row.rejected} pictures rejected")
    for count, noun in ((row.dropped, "dropped"), (row.restarts, "restarts"), (row.set_aside, "set aside")):
        if count:
            parts.append(f"{count} {noun}")
    return ", ".join(parts)
