from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from synthetic_people import faces, look, tracklet_of

from edge.config.pipeline import AppearanceSpec, MotionSpec
from edge.stages.identify.evidence import IMPOSSIBLE, appearance_score, link, observation
from edge.stages.identify.strand import Strand
from edge.stages.identify.visits import Look, VisitSearch

LOOKS = AppearanceSpec()
MOTION = MotionSpec()
ALWAYS = -np.inf

Partition = list[list[Strand]]


def improve(visits: Partition, looks: dict[int, Look], recent_s: float = ALWAYS) -> Partition:
    """By somebody who has seen none of it before."""
    return VisitSearch(LOOKS, MOTION).improve(visits, looks, looks.keys(), recent_s)


def total(visits: Sequence[Sequence[Strand]], looks: dict[int, Look]) -> float:
    """The evidence for a partition, by the definition."""
    score = 0.0
    for visit in visits:
        vector = np.sum([looks[s.number].vector for s in visit], axis=0)
        precision = sum(looks[s.number].precision for s in visit)
        score += appearance_score(precision, float(vector @ vector), LOOKS)
        score += sum(link(a, b, MOTION) for a, b in itertools.pairwise(visit))
    return score


def partitions(strands: Sequence[Strand]) -> Iterator[Partition]:
    """All ways to put strands (in time order) into visits."""
    if not strands:
        yield []
        return
    *before, last = strands
    for smaller in partitions(before):
        yield [*smaller, [last]]
        for i, visit in enumerate(smaller):
            yield [*smaller[:i], [*visit, last], *smaller[i + 1 :]]


def scene(seed: int, count: int, people: int = 2) -> tuple[list[Strand], dict[int, Look]]:
    """Strands of a few people who walk about, with tracks that now and then jump between them."""
    rng = np.random.default_rng(seed)
    known = faces(rng, people)
    free_s = np.zeros(people)
    at = rng.uniform(100, 500, people)
    strands: list[Strand] = []
    looks: dict[int, Look] = {}
    for _ in range(count):
        person = int(rng.integers(people))
        start = round(free_s[person] + float(rng.uniform(0.1, 1.5)), 1)
        end = round(start + float(rng.uniform(0.5, 3.0)), 1)
        goal = float(np.clip(at[person] + rng.uniform(-60, 60) * (end - start), 0, 640))
        overlap = float(rng.choice([0.0, 0.8]))
        tracklet = tracklet_of(
            int(rng.integers(1, 4)), start, end, begin=(at[person], 240.0), end=(goal, 240.0),
            overlap_start=overlap, overlap_end=overlap,
        )  # fmt: skip
        strands.append(Strand.begin(0, tracklet))
        strands[-1].identity = person  # for the test's own use
        free_s[person], at[person] = end, goal
    strands.sort(key=lambda s: s.start_s)
    for number, strand in enumerate(strands, 1):
        strand.number = number
        vector = look(known[strand.identity], rng, 0.8).astype(np.float64)
        looks[number] = Look(*observation(vector, float(rng.uniform(0.5, 5.0)), LOOKS))
    return strands, looks


def alone(strands: Sequence[Strand]) -> Partition:
    return [[strand] for strand in strands]


def numbers(visits: Sequence[Sequence[Strand]]) -> list[list[int]]:
    return [[s.number for s in visit] for visit in visits]


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_it_mostly_finds_the_best_of_all_partitions(count: int) -> None:
    """Local search; it may miss a few, but never by becoming worse than it was."""
    found, seeds = 0, 40
    for seed in range(seeds):
        strands, looks = scene(seed, count)
        best = max(total(p, looks) for p in partitions(strands))
        mine = total(improve(alone(strands), looks), looks)
        assert mine <= best + 1e-6
        found += mine >= best - 1e-6
    assert found >= 0.95 * seeds, f"{found} of {seeds}"


@pytest.mark.parametrize("seed", range(25))
def test_it_never_lowers_the_total_wherever_it_begins(seed: int) -> None:
    rng = np.random.default_rng(seed)
    strands, looks = scene(seed, 9, people=3)
    begun: Partition = []
    for strand in strands:  # anything possible, at random
        fits = [v for v in begun if link(v[-1], strand, MOTION) > IMPOSSIBLE / 2]
        if fits and rng.random() < 0.6:
            fits[int(rng.integers(len(fits)))].append(strand)
        else:
            begun.append([strand])
    before = total(begun, looks)
    given = numbers(begun)
    after = improve(begun, looks)
    assert total(after, looks) >= before - 1e-6
    assert sorted(itertools.chain(*numbers(after))) == [s.number for s in strands], "each once"
    assert numbers(begun) == given, "the argument is left as it is"
    for visit in after:
        for a, b in itertools.pairwise(visit):
            assert a.end_s < b.start_s
            assert link(a, b, MOTION) > IMPOSSIBLE / 2
    assert [v[0] for v in numbers(after)] == sorted(v[0] for v in numbers(after))
    again = improve(after, looks)
    assert total(again, looks) >= total(after, looks) - 1e-6


def crossing() -> tuple[list[Strand], dict[int, Look]]:
    """Two tracks that meet at 3 s, and exchange their people there."""
    rng = np.random.default_rng(0)
    left, right = faces(rng, 2)
    pieces = [
        tracklet_of(1, 0.0, 3.0, begin=(100, 240), end=(300, 240), overlap_end=0.9),
        tracklet_of(2, 0.0, 3.0, begin=(500, 240), end=(300, 240), overlap_end=0.9),
        tracklet_of(1, 3.1, 6.0, begin=(300, 240), end=(100, 240), overlap_start=0.9),
        tracklet_of(2, 3.1, 6.0, begin=(300, 240), end=(500, 240), overlap_start=0.9),
    ]
    strands = [Strand.begin(number, piece) for number, piece in enumerate(pieces, 1)]
    looks = {}
    for strand, face in zip(strands, (left, right, right, left), strict=True):
        vector = look(face, rng, 0.5).astype(np.float64)
        looks[strand.number] = Look(*observation(vector, 3.0, LOOKS))
    return strands, looks


def test_a_swapped_crossing_with_distinct_looks_is_mended() -> None:
    (a, b, c, d), looks = crossing()
    for begun in ([[a, c], [b, d]], [[a], [b], [c], [d]], [[a, c], [b], [d]]):
        assert numbers(improve(begun, looks)) == [[1, 4], [2, 3]]


def test_without_looks_the_crossing_is_left_to_motion() -> None:
    """Everybody here seems to turn round, which the tracker says too."""
    strands, looks = crossing()
    nothing = {number: Look(0.0, np.zeros(32)) for number in looks}
    visits = numbers(improve(alone(strands), nothing))
    assert len(visits) == 2
    assert sorted(itertools.chain(*visits)) == [1, 2, 3, 4]


def test_what_began_too_long_ago_is_not_moved() -> None:
    (a, b, c, d), looks = crossing()
    begun = [[a, c], [b, d]]
    assert numbers(improve(begun, looks, c.start_s)) == [[1, 4], [2, 3]]
    assert numbers(improve(begun, looks, c.start_s + 0.01)) == [[1, 3], [2, 4]]


def test_a_stranger_in_the_middle_of_a_visit_is_taken_out() -> None:
    rng = np.random.default_rng(1)
    face, stranger = faces(rng, 2)
    pieces = [
        tracklet_of(1, 0.0, 2.0, overlap_end=0.9),
        tracklet_of(1, 2.1, 4.0, overlap_start=0.9, overlap_end=0.9),
        tracklet_of(1, 4.1, 6.0, overlap_start=0.9),
    ]
    strands = [Strand.begin(number, piece) for number, piece in enumerate(pieces, 1)]
    looks = {
        s.number: Look(*observation(who.astype(np.float64), 5.0, LOOKS))
        for s, who in zip(strands, (face, stranger, face), strict=True)
    }
    assert numbers(improve([strands], looks)) == [[1, 3], [2]]


def test_no_visits_give_no_visits() -> None:
    assert improve([], {}) == []


def test_the_same_strands_give_the_same_visits() -> None:
    strands, looks = scene(3, 12, people=4)
    first = numbers(improve(alone(strands), looks))
    assert numbers(improve(alone(strands), looks)) == first


@pytest.mark.parametrize("seed", range(20))
def test_what_was_looked_at_before_need_not_be_again(seed: int) -> None:
    """Strands come one by one, and grow: the search that remembers ends where a new one stays put."""
    rng = np.random.default_rng(seed)
    strands, looks = scene(seed, 14, people=4)
    search = VisitSearch(LOOKS, MOTION)
    visits: Partition = []
    for count, strand in enumerate(strands, 1):
        grown = {strand.number}
        if rng.random() < 0.3:
            other = strands[int(rng.integers(count))].number
            looks[other] = Look(looks[other].precision * 1.5, looks[other].vector * 1.4)
            grown.add(other)
        visits = search.improve([*visits, [strand]], looks, grown, ALWAYS)
        assert total(improve(visits, looks), looks) <= total(visits, looks) + 1e-6


def test_only_what_has_changed_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    strands, looks = scene(5, 12, people=4)
    search = VisitSearch(LOOKS, MOTION)
    settled = search.improve(alone(strands), looks, looks.keys(), ALWAYS)
    compared: list[tuple[float, float]] = []
    kept = VisitSearch.score

    def counted(self: VisitSearch, precision: float, vector: NDArray[np.float64]) -> float:
        compared.append((precision, float(vector @ vector)))
        return kept(self, precision, vector)

    monkeypatch.setattr(VisitSearch, "score", counted)
    assert search.improve(settled, looks, set(), ALWAYS) == settled
    assert len(compared) <= 1, "the empty visit's"
