"""What a run knows, on disk before it is reported; and a start where the run before it stopped."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.errors import StartError, StoreError
from edge.records import Decision, Settled
from edge.stages.sink import complete_tracks, event_line, identity_max, put_away
from edge.stores import Change, Counts, KeptRun, KeptState, StateStore

__all__ = ["Keeper", "end_killed_run", "open_state"]

_log = logging.getLogger(__name__)

RETRY_S = 5.0
LESSONS_FIRST_S = 5.0
LESSONS_MOST_S = 300.0

Lessons = Mapping[str, NDArray[np.generic]]


class Diary(Protocol):
    """See :class:`edge.stages.identify.diary.Diary`."""

    def change(
        self, counts: Counts, decisions: Sequence[Decision], lines: Sequence[tuple[int, str]], told: int
    ) -> Change:
        """What is different since the last change that was written."""
        ...

    def written(self) -> None:
        """The last change is on disk."""
        ...

    def everything(self) -> None:
        """The next change shall be all there is."""
        ...


class Settlement(Protocol):
    """What a run that was killed had left unsettled."""

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Names given at last."""
        ...

    @property
    def settled(self) -> tuple[Settled, ...]:
        """Boxes it had not written."""
        ...


class Learner(Protocol):
    """Who learns of the cameras; see :class:`edge.stages.refine.Refiner`."""

    def lessons(self) -> Lessons:
        """What was learnt."""
        ...

    def restore(self, lessons: Lessons) -> None:
        """Begin with that."""
        ...


class Teachable(Protocol):
    """See :class:`edge.centralize.MatchCalibration` and :class:`edge.stages.identify.travel.TravelTimes`."""

    def state(self) -> Lessons:
        """What was learnt."""
        ...

    def restore(self, state: Lessons) -> None:
        """Begin with that."""
        ...


class Remembering(Protocol):
    """Who knows people; see :class:`edge.stages.identify.Identifier`."""

    @property
    def counts(self) -> Counts:
        """Numbers given so far."""
        ...

    @property
    def calibration(self) -> Teachable:
        """What hindsight has taught."""
        ...

    @property
    def travel(self) -> Teachable:
        """How long people take between cameras."""
        ...

    def keep_diary(self) -> Diary:
        """Begin to note what has to outlive a restart."""
        ...

    def restore(self, kept: KeptState) -> Settlement:
        """Begin where an earlier run was."""
        ...

    def forget(self, identity: int) -> None:
        """Remember nothing of somebody any more."""
        ...


class Keeper:
    """Keeps the state of a run while it goes on; :class:`edge.stages.sink.events.Journal` for its events.

    Each decision is one transaction: what it changed, and the events that tell of it, before they are
    written. When the file cannot be written the run goes on and says so once; what was missed is written with
    the next decision that can be. One thread at a time calls it.

    Args:
        store: the file.
        run: the run that begins, as the store knows it.
        identifier: told by it whom the runs before knew.
        refiner: the same of what they had learnt.
        now_s: a monotonic clock.

    Raises:
        StoreError: the file cannot be read.
    """

    def __init__(
        self,
        store: StateStore,
        run: KeptRun,
        identifier: Remembering,
        refiner: Learner,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._run = run
        self._identifier = identifier
        self._refiner = refiner
        self._now_s = now_s
        kept = store.load(run.model, run.number)
        self._learn(store.lessons())
        identifier.restore(kept)
        self.remembered = len(kept.people)
        self._diary = identifier.keep_diary()
        self._number = kept.events
        self._told = 0
        self._whole = False
        self._missed: list[Decision] = []
        self._failed_s: float | None = None
        self._started_s = self._lessons_s = now_s()
        if kept.others:
            _log.warning(
                "%d people are remembered by another ReID model than %s; they are kept, and not matched",
                kept.others,
                run.model,
            )

    @property
    def number(self) -> int:
        """The number of the last event noted, over all runs."""
        return self._number

    def pending(self) -> Sequence[tuple[int, str]]:
        """Events that may be missing in the file, as (number, line)."""
        try:
            return self._store.outbox()
        except StoreError as error:
            raise StartError(str(error)) from error

    def note(self, decisions: Sequence[Decision], lines: Sequence[tuple[int, str]]) -> None:
        """Write down decisions, and the events that tell of them."""
        self._number = lines[-1][0]
        self._missed += decisions
        now_s = self._now_s()
        if self._failed_s is not None and now_s < self._failed_s + RETRY_S:
            return
        try:
            self._write(lines)
        except StoreError as error:
            if self._failed_s is None:
                _log.warning("%s; the run goes on, and is not remembered meanwhile", error)
            self._failed_s = now_s
            return
        if self._failed_s is not None:
            _log.warning("state '%s' is written again; nothing is missing in it", self._store.database.path)
            self._failed_s = None

    def told(self, number: int) -> None:
        """Events up to this number are in the file."""
        self._told = number

    def close(self) -> None:
        """Write down the last of it, and that the run has ended if nothing is open; let go of the file."""
        try:
            self._write(())
            self._teach()
            if not self._is_open():
                self._store.end(self._run.number)
        except StoreError as error:
            _log.error("%s; the next run begins where this one could write last", error)
        self._store.close()

    def _write(self, lines: Sequence[tuple[int, str]]) -> None:
        if self._failed_s is not None:
            self._look_again()
        change = self._diary.change(self._identifier.counts, self._missed, lines, self._told)
        erased = self._store.commit(self._run, change, whole=self._whole)
        self._diary.written()
        self._missed.clear()
        self._whole = False
        if erased:
            for identity in erased:
                self._identifier.forget(identity)
            self._store.commit(self._run, self._diary.change(self._identifier.counts, (), (), 0))
            self._diary.written()
            self._store.database.scrub()
        if self._lessons_due():
            self._teach()

    def _look_again(self) -> None:
        """See whether the file is still the one it was; a new one gets everything."""
        last = self._store.last_run()
        if last is None or (last.number, last.name) != (self._run.number, self._run.name):
            run = self._run
            self._run = self._store.begin(run.name, run.site, run.model, run.started_at_ns)
            self._diary.everything()
            self._whole = True

    def _is_open(self) -> bool:
        """Whether something is left in the window, as after a run that was torn down."""
        kept = self._store.load(self._run.model, self._run.number)
        return bool(kept.strands or kept.pieces)

    def _lessons_due(self) -> bool:
        now_s = self._now_s()
        every_s = min(max(LESSONS_FIRST_S, 0.1 * (now_s - self._started_s)), LESSONS_MOST_S)
        return now_s >= self._lessons_s + every_s

    def _teach(self) -> None:
        model = self._run.model
        space, calibration = self._refiner.lessons(), self._identifier.calibration.state()
        self._store.teach(
            {
                f"space {model}": _pack(space),
                f"calibration {model}": _pack(calibration),
                "travel": _pack(self._identifier.travel.state()),
            }
        )
        self._lessons_s = self._now_s()

    def _learn(self, lessons: Mapping[str, bytes]) -> None:
        model = self._run.model
        if f"space {model}" in lessons:
            self._refiner.restore(_unpack(lessons[f"space {model}"]))
        if f"calibration {model}" in lessons:
            self._identifier.calibration.restore(_unpack(lessons[f"calibration {model}"]))
        if "travel" in lessons:
            self._identifier.travel.restore(_unpack(lessons["travel"]))


def end_killed_run(store: StateStore, folder: Path, make: Callable[[Sequence[str]], Remembering]) -> bool:
    """Make up for the end of the latest run, if it was killed.

    What it had not settled is settled with the names it had. What it wrote into ``folder`` is put away into
    ``earlier/<run>/``, and its tracks completed. Its last events are noted, to be written by the next run. It
    may be interrupted, and done again, at any moment.

    Args:
        store: the state.
        folder: the output folder.
        make: an identifier of these cameras that has been told nothing.

    Returns:
        Whether there was such a run.

    Raises:
        StoreError: the state cannot be read or written.
        OutputError, RunError: the folder cannot be written.
    """
    run = store.last_run()
    if run is None or run.ended:
        return False
    identifier = make(store.cameras())
    diary = identifier.keep_diary()
    kept = store.load(run.model, run.number)
    left = identifier.restore(kept)
    place = put_away(folder, run.name)
    if place is not None:
        complete_tracks(place, left.settled, store.heir_of)
    # A number of its own: the run may have reported events that it could not note.
    name = f"{run.name}/end"
    lines = [
        (number, event_line(decision, number, site=run.site, run=run.name, key=name))
        for number, decision in enumerate(left.decisions, kept.events + 1)
    ]
    store.commit(run, diary.change(identifier.counts, left.decisions, lines, 0), whole=True)
    store.end(run.number)
    _log.info(
        "run %s was not ended; %d people are remembered%s",
        run.name,
        len(kept.people),
        f", and what it wrote is in '{place}'" if place is not None else "",
    )
    return True


def open_state(path: Path, events: Path, *, fresh: bool) -> StateStore:
    """Open the state for a run, so that no identity of ``events`` is given again.

    Args:
        path: the file.
        events: events.jsonl of the output folder; may be missing.
        fresh: forget everybody first.

    Raises:
        StartError: it cannot be opened, or another run has it.
    """
    store = StateStore(path)
    try:
        if fresh:
            store.forget_everybody()
        reported = identity_max(events, whole=store.begun > 0)
        store.count_from(reported)
    except (StoreError, OSError) as error:
        store.close()
        raise StartError(str(error)) from error
    return store


def _pack(arrays: Lessons) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def _unpack(packed: bytes) -> dict[str, NDArray[np.generic]]:
    with np.load(io.BytesIO(packed), allow_pickle=False) as found:
        return {name: found[name] for name in found.files}
