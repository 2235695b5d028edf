from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic_people import at_ns, tracklet_of

from edge.records import Settled
from edge.stages.identify.ledger import Ledger
from edge.stages.identify.strand import Strand

LAST = np.iinfo(np.int64).max


def strand_of(identity: int, number: int = 1) -> Strand:
    strand = Strand.begin(number, tracklet_of(number, 0.0, 1.0))
    strand.identity = identity
    return strand


def identity_of(strand: Strand) -> int:
    return strand.identity


def rows(settled: Settled | None) -> list[tuple[int, int]]:
    return (
        []
        if settled is None
        else list(zip(settled.frames.tolist(), settled.identities.tolist(), strict=True))
    )


def test_boxes_come_out_in_frame_order_under_their_identity() -> None:
    ledger = Ledger("door")
    ledger.add(strand_of(2), tracklet_of(1, 0.5, 1.0))
    ledger.add(strand_of(1), tracklet_of(2, 0.0, 0.6, begin=(300.0, 100.0), score=0.7))
    settled = ledger.settle(LAST, identity_of)
    assert settled is not None
    assert rows(settled) == [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (6, 2), (7, 1), (7, 2)] + [
        (frame, 2) for frame in (8, 9, 10, 11)
    ]
    assert settled.camera == "door"
    assert settled.times_ns[0] == at_ns(0.0)
    assert settled.boxes_px[0].tolist() == [275.0, 50.0, 325.0, 150.0]
    assert settled.scores[[0, -1]].tolist() == pytest.approx([0.7, 0.9])
    assert [a.dtype for a in (settled.identities, settled.frames, settled.times_ns)] == [np.int64] * 3
    assert ledger.settle(LAST, identity_of) is None


def test_only_boxes_up_to_the_moment_come_out() -> None:
    ledger = Ledger("door")
    ledger.add(strand_of(1), tracklet_of(1, 0.0, 1.0))
    assert rows(ledger.settle(at_ns(-1.0), identity_of)) == []
    assert [f for f, _ in rows(ledger.settle(at_ns(0.35), identity_of))] == [1, 2, 3, 4]
    assert [f for f, _ in rows(ledger.settle(at_ns(0.5), identity_of))] == [5, 6]
    assert [f for f, _ in rows(ledger.settle(LAST, identity_of))] == [7, 8, 9, 10, 11]


def test_who_has_no_identity_is_left_out_and_counted() -> None:
    ledger = Ledger("door")
    ledger.add(strand_of(0), tracklet_of(1, 0.0, 1.0))
    assert ledger.settle(at_ns(0.35), identity_of) is None
    assert ledger.left_out == 4
    assert ledger.settle(LAST, identity_of) is None
    assert ledger.left_out == 11


def test_of_two_boxes_of_one_identity_in_a_frame_the_better_stays() -> None:
    ledger = Ledger("door")
    ledger.add(strand_of(1), tracklet_of(1, 0.0, 0.2, score=0.5))
    ledger.add(strand_of(1), tracklet_of(2, 0.2, 0.4, score=0.8, begin=(300.0, 100.0)))
    settled = ledger.settle(LAST, identity_of)
    assert settled is not None
    assert settled.frames.tolist() == [1, 2, 3, 4, 5]
    assert settled.scores.tolist() == pytest.approx([0.5, 0.5, 0.8, 0.8, 0.8])
    assert ledger.left_out == 1


def test_the_identity_is_asked_for_only_when_boxes_are_due() -> None:
    asked: list[int] = []

    def ask(strand: Strand) -> int:
        asked.append(strand.number)
        return 7

    ledger = Ledger("door")
    ledger.add(strand_of(0, 1), tracklet_of(1, 0.0, 1.0))
    ledger.add(strand_of(0, 2), tracklet_of(2, 2.0, 3.0))
    ledger.settle(at_ns(0.5), ask)
    assert asked == [1]
    ledger.settle(LAST, ask)
    assert asked == [1, 1, 2]


def gaps_of(
    boxes: Iterable[tuple[int, int]], times: NDArray[np.float64], fill_s: float
) -> set[tuple[int, int]]:
    """The frames between two boxes of one identity that are not too far apart in time."""
    gaps: set[tuple[int, int]] = set()
    last: dict[int, int] = {}
    for frame, identity in sorted(boxes):
        before = last.get(identity, frame)
        if times[frame - 1] - times[before - 1] <= fill_s:
            gaps |= {(between, identity) for between in range(before + 1, frame)}
        last[identity] = frame
    return gaps


@pytest.mark.parametrize("fill_s", [0.0, 0.5])
@pytest.mark.parametrize("seed", range(10))
def test_whatever_is_settled_when_each_box_comes_out_once_and_in_order(seed: int, fill_s: float) -> None:
    """People with breaks, an uneven frame rate, and settling at random moments."""
    rng = np.random.default_rng(seed)
    ledger = Ledger("door", fill_s=fill_s)
    times = np.cumsum(rng.choice([0.04, 0.1, 0.3], 120))
    expected: dict[tuple[int, int], list[float]] = {}
    for person in range(1, 5):
        here = np.zeros(120, dtype=bool)
        for start in rng.integers(0, 120, 5):
            here[start : start + int(rng.integers(2, 20))] = True
        for run in np.split(np.arange(120), np.flatnonzero(np.diff(here)) + 1):
            if not here[run[0]]:
                continue
            boxes = rng.uniform(0, 100, (len(run), 4)).astype(np.float32)
            made = replace(
                tracklet_of(person, 0.0, 0.1),
                frames=run.astype(np.int64) + 1,
                times_ns=np.array([at_ns(times[i]) for i in run], dtype=np.int64),
                boxes_px=boxes,
                scores=np.full(len(run), 0.9, np.float32),
            )
            ledger.add(strand_of(person, person), made)
            expected.update({(int(i) + 1, person): box.tolist() for i, box in zip(run, boxes, strict=True)})
    moments = [at_ns(t) for t in np.sort(rng.uniform(0, times[-1], 12))]
    out = [part for until in [*moments, LAST] if (part := ledger.settle(until, identity_of)) is not None]
    given = [row for part in out for row in rows(part)]
    assert given == sorted(set(given)), "in order, none twice"
    written = {
        row: box.tolist()
        for part in out
        for row, box, score in zip(rows(part), part.boxes_px, part.scores, strict=True)
        if score > 0
    }
    assert written == expected
    assert set(given) - set(expected) == gaps_of(expected, times, fill_s)
    assert ledger.left_out == 0
    assert not ledger._entries


def test_a_gap_is_filled_on_the_straight_line() -> None:
    ledger = Ledger("door", fill_s=1.0)
    ledger.add(strand_of(1), tracklet_of(1, 0.0, 0.5, begin=(100.0, 200.0)))
    ledger.add(strand_of(1), tracklet_of(2, 0.9, 1.5, begin=(140.0, 240.0)))
    settled = ledger.settle(LAST, identity_of)
    assert settled is not None
    assert settled.frames.tolist() == list(range(1, 17))
    made = settled.scores == 0
    assert settled.frames[made].tolist() == [7, 8, 9]
    assert settled.boxes_px[made, 0].tolist() == pytest.approx([85.0, 95.0, 105.0])
    assert settled.times_ns[made].tolist() == pytest.approx([at_ns(t) for t in (0.6, 0.7, 0.8)], abs=1000)


@pytest.mark.parametrize("until_s", [0.5, 0.62, 0.85, 0.95])
def test_a_gap_is_filled_also_where_settling_stops_within_it(until_s: float) -> None:
    ledger = Ledger("door", fill_s=1.0)
    ledger.add(strand_of(1), tracklet_of(1, 0.0, 0.5))
    ledger.add(strand_of(1), tracklet_of(2, 0.9, 1.5))
    out = rows(ledger.settle(at_ns(until_s), identity_of)) + rows(ledger.settle(LAST, identity_of))
    assert [frame for frame, _ in out] == list(range(1, 17))


def test_a_longer_gap_and_other_peoples_gaps_stay_open() -> None:
    ledger = Ledger("door", fill_s=1.0)
    ledger.add(strand_of(1), tracklet_of(1, 0.0, 0.5))
    ledger.add(strand_of(2), tracklet_of(2, 1.0, 1.5))
    ledger.add(strand_of(1), tracklet_of(3, 1.6, 2.0))
    settled = ledger.settle(LAST, identity_of)
    assert settled is not None
    assert (settled.scores > 0).all()


def test_skipped_frames_are_no_gap() -> None:
    """A camera thinned to every third frame: boxes three frames apart are next to each other."""
    ledger = Ledger("door", fill_s=1.0)
    for track, start in ((1, 0.0), (2, 1.5)):
        made = tracklet_of(track, start, start + 0.9)
        thinned = {name: getattr(made, name)[::3] for name in ("frames", "times_ns", "boxes_px", "scores")}
        ledger.add(strand_of(1), replace(made, **thinned))
    settled = ledger.settle(LAST, identity_of)
    assert settled is not None
    assert settled.frames.tolist() == [1, 4, 7, 10, 13, 16, 19, 22, 25]
    assert settled.frames[settled.scores == 0].tolist() == [13]
