"""Pictures as a stream: what is sent, what comes out, and how it is scored."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config.pipeline import IdentifySpec, RefineSpec
from edge.evaluate.crop_tracklets import START_NS, CropTracklet, group_pictures, make_tracklets
from edge.evaluate.identity_score import idf1_of, score_identities
from edge.evaluate.market import Picture, parse_name
from edge.evaluate.replay import Ingredients, Replayed, replay, replay_specs, score_replay
from edge.records import Decision, Settled
from edge.stages.identify import Outcome


def pictures_of(*names: str) -> list[Picture]:
    found = [parse_name(Path(f"{name}.jpg")) for name in names]
    assert None not in found
    return [one for one in found if one is not None]


def walkers(
    people: int = 40, cameras: int = 3, seed: int = 0, *, cast: float = 1.2, noise: float = 0.5
) -> tuple[list[Picture], np.ndarray]:
    """Everybody walks through every camera, whose light adds something to every embedding."""
    rng = np.random.default_rng(seed)
    size = 48
    looks, casts = rng.standard_normal((people, size)), cast * rng.standard_normal((cameras, size))
    names, vectors = [], []
    for person, camera in itertools.product(range(people), range(cameras)):
        begin = 100 + 90 * person + 500 * camera
        sequence = 1 + person // 20
        for crop in range(1 + (person + camera) % 4):
            names.append(f"{person + 1:04d}_c{camera + 1}s{sequence}_{begin + 8 * crop:06d}_01")
            vectors.append(looks[person] + casts[camera] + noise * rng.standard_normal(size))
    return pictures_of(*names), np.stack(vectors).astype(np.float32)


def play(pictures: list[Picture], vectors: np.ndarray, uses: Ingredients | None = None) -> Replayed:
    specs = replay_specs(RefineSpec(), IdentifySpec(), uses or Ingredients())
    return replay(group_pictures(pictures), vectors, *specs)


def rows_of(groups: list[CropTracklet]) -> list[tuple[int, ...]]:
    return [group.rows for group in groups]


def test_a_tracklet_is_one_person_camera_and_sequence_without_a_gap_over_150_frames() -> None:
    pictures = pictures_of(
        "0001_c1s1_000100_01",
        "0001_c1s1_000250_01",  # 150 on: the same
        "0001_c1s1_000401_01",  # 151 on: another
        "0001_c2s1_000100_01",
        "0001_c1s2_000100_01",
        "0002_c1s1_000100_02",
    )
    assert rows_of(group_pictures(pictures)) == [(5,), (3,), (0, 1), (2,), (4,)]


def test_tracklets_come_by_sequence_and_last_frame_whatever_the_order_of_the_pictures() -> None:
    pictures, _ = walkers()
    groups = group_pictures(pictures)
    keys = [(group.sequence, group.frames[-1]) for group in groups]
    assert keys == sorted(keys)
    order = np.random.default_rng(1).permutation(len(pictures)).tolist()
    again = group_pictures([pictures[i] for i in order])
    assert [tuple(order[row] for row in rows) for rows in rows_of(again)] == rows_of(groups)


def test_a_distractor_is_a_tracklet_of_its_own_and_junk_is_not_sent() -> None:
    pictures = pictures_of("0000_c1s1_000100_01", "0000_c1s1_000101_01", "-1_c1s1_000102_01")
    assert rows_of(group_pictures(pictures)) == [(0,), (1,)]


def test_the_records_are_what_a_tracker_would_have_sent() -> None:
    pictures = pictures_of(
        "0001_c2s1_000100_01", "0001_c2s1_000110_01", "0001_c2s1_000110_02", "0002_c1s3_000000_01"
    )
    vectors = np.array([[2, 0], [0, 3], [0, 1], [-5, 0]], dtype=np.float32)
    first, second = make_tracklets(group_pictures(pictures), vectors, "net@1")
    assert (first.uid, first.camera, first.closed, first.weight, first.model) == (
        "c2/1/0",
        "c2",
        True,
        3.0,
        "net@1",
    )
    assert first.vector == pytest.approx(np.array([1, 2]) / np.sqrt(5))
    assert np.allclose(np.linalg.norm(first.vectors, axis=1), 1)
    assert first.frames.tolist() == [1, 2, 3]
    assert (first.times_ns - START_NS).tolist() == [4_000_000_000, 4_400_000_000, 4_400_000_000]
    assert second.frames.tolist() == [4]
    assert second.started_at_ns == START_NS + 111 * 40_000_000  # right behind the sequence before


def test_opposite_embeddings_still_give_a_unit_vector() -> None:
    pictures = pictures_of("0001_c1s1_000100_01", "0001_c1s1_000110_01")
    (one,) = make_tracklets(group_pictures(pictures), np.array([[1, 0], [-1, 0]], np.float32), "")
    assert one.vector.tolist() == [1, 0]


def test_specs_are_the_pipelines_but_for_what_crops_cannot_have() -> None:
    refine, identify = RefineSpec(neighbours=4), IdentifySpec(probability_min=0.6, weight_min=0.4)
    same, fit = replay_specs(refine, identify, Ingredients())
    assert same == refine
    assert (fit.motion.gap_max_s, fit.fill_s, fit.boxes_min, fit.weight_min) == (0, 0, 1, 0.4)
    changed = {"motion", "fill_s", "boxes_min", "weight_min"}
    assert fit.model_dump(exclude=changed) == identify.model_dump(exclude=changed)
    assert replay_specs(refine, IdentifySpec(weight_min=3), Ingredients(), 7.5)[1].revise_s == 7.5
    assert replay_specs(refine, IdentifySpec(weight_min=3), Ingredients())[1].weight_min == 1


def test_each_switch_turns_one_ingredient_off() -> None:
    def changed(**off: bool) -> dict[str, object]:
        given, used = RefineSpec(), replay_specs(RefineSpec(), IdentifySpec(), Ingredients(**off))[0]
        return {k: v for k, v in used.model_dump().items() if v != getattr(given, k)}

    def learns(**off: bool) -> bool:
        return replay_specs(RefineSpec(), IdentifySpec(), Ingredients(**off))[1].match.learn

    assert changed(nfc=False) == {"neighbours": 0, "neighbours_one_camera": 0}
    assert changed(camera_mean=False) == {"camera_mean": False}
    assert changed(whiten=False) == {"whiten": False}
    assert changed(calibration=False) == {}
    assert learns()
    assert not learns(calibration=False)


def test_people_are_told_apart_and_the_camera_mean_is_why() -> None:
    pictures, vectors = walkers()
    groups = group_pictures(pictures)
    score = score_replay(groups, play(pictures, vectors))
    assert score.idf1 >= 0.9
    assert score.pair_f1 >= 0.85
    assert score.first_idf1 >= 0.8
    assert (score.tracklets, score.crops, score.people) == (120, len(pictures), 40)
    assert 0 < score.p50_ms <= score.p95_ms
    without = score_replay(groups, play(pictures, vectors, Ingredients(camera_mean=False)))
    assert without.idf1 < score.idf1 - 0.1


def test_every_run_is_the_same() -> None:
    pictures, vectors = walkers(people=15)
    one, two = play(pictures, vectors), play(pictures, vectors)
    assert one.final.tolist() == two.final.tolist()
    assert (one.first.tolist(), one.revisions) == (two.first.tolist(), two.revisions)


def test_progress_is_told_for_every_tracklet() -> None:
    pictures, vectors = walkers(people=3)
    told: list[tuple[int, int]] = []
    specs = replay_specs(RefineSpec(), IdentifySpec(), Ingredients())
    replay(group_pictures(pictures), vectors, *specs, progress=lambda *done: told.append(done))
    assert told == [(i, 9) for i in range(1, 10)]


class Script:
    """Stands in for the identifier: says what it was told to."""

    def __init__(self, rounds: list[Outcome]) -> None:
        self._rounds = iter(rounds)

    def add(self, tracklets: object) -> None: ...

    def advance(self, now_ns: int) -> Outcome:
        return next(self._rounds)

    def close(self) -> Outcome:
        return next(self._rounds)


def said(kind: str, uid: str, identity: int, previous: int = 0) -> Decision:
    return Decision(kind, 0, "c1", 0, uid, identity, previous, 1.0)


def test_revisions_merges_and_first_decisions_are_read_from_the_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [f"000{person}_c1s1_00{person}000_01" for person in (1, 2, 3, 4)]
    settled = Settled(
        "c1",
        np.array([1, 2, 1]),
        np.array([1, 2, 3]),
        np.zeros(3, np.int64),
        np.zeros((3, 4), np.float32),
        np.ones(3, np.float32),
    )
    rounds = [
        Outcome((said("identity.new", "c1/1/0", 1), said("tracklet", "c1/1/0", 1))),
        Outcome((said("identity.new", "c1/2/0", 2),)),
        # two changes of one tracklet in one round are one revision, and back again is none
        Outcome((said("identity.match", "c1/3/0", 2), said("identity.rename", "c1/3/0", 1, 2))),
        Outcome((said("identity.rename", "c1/1/0", 2, 1), said("identity.rename", "c1/1/0", 1, 2))),
        Outcome((said("identity.merge", "", 2, 1),), (settled,)),  # changes the first and the third
    ]
    monkeypatch.setattr("edge.evaluate.replay.Identifier", lambda *_: Script(rounds))
    found = replay(
        group_pictures(pictures_of(*names)), np.ones((4, 2), np.float32), RefineSpec(), IdentifySpec()
    )
    assert found.final.tolist() == [2, 2, 2, 0]
    assert found.first.tolist() == [1, 2, 2, 0]
    assert found.merged_first.tolist() == [2, 2, 2, 0]
    assert found.revisions == 2


def test_what_the_events_say_last_is_what_is_settled() -> None:
    from edge.evaluate.replay import _Listener

    pictures, vectors = walkers(people=20, noise=1.3)
    heard: list[_Listener] = []

    class Spy(_Listener):
        def __init__(self, persons: Sequence[int], crops: Sequence[int]) -> None:
            super().__init__(persons, crops)
            heard.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge.evaluate.replay._Listener", Spy)
        found = play(pictures, vectors)
    groups = group_pictures(pictures)
    crops = np.repeat(heard[0]._now, [len(group.rows) for group in groups])
    assert found.revisions > 0
    assert crops.tolist() == found.final.tolist()


def slow_scores(persons: list[int], tracklets: list[int], identities: list[int]) -> tuple[float, ...]:
    """By trying every matching, and every pair."""
    named = [name if name >= 1 else -1 - i for i, name in enumerate(identities)]
    people, names = sorted(set(persons)), sorted(set(named))
    padded = [*names, *[None] * len(people)]
    most = max(
        sum(p == who and n == name for p, n in zip(persons, named, strict=True) for who, name in pairs)
        for pairs in (
            list(zip(people, order, strict=True)) for order in itertools.permutations(padded, len(people))
        )
    )
    right = joined = true = 0
    for i, j in itertools.combinations(range(len(persons)), 2):
        if tracklets[i] != tracklets[j]:
            right += persons[i] == persons[j] and named[i] == named[j]
            joined += named[i] == named[j]
            true += persons[i] == persons[j]
    precision, recall = right / joined if joined else 0.0, right / true if true else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return most / len(persons), f1, precision, recall, len({n for n in identities if n >= 1})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 1), st.integers(0, 3)), min_size=1, max_size=9))
def test_scores_agree_with_trying_everything(crops: list[tuple[int, int, int]]) -> None:
    persons = [person for person, _, _ in crops]
    tracklets = [2 * person + part for person, part, _ in crops]
    identities = [identity for _, _, identity in crops]
    found = score_identities(np.array(persons), np.array(tracklets), np.array(identities))
    got = (found.idf1, found.pair_f1, found.pair_precision, found.pair_recall, found.identities)
    assert got == pytest.approx(slow_scores(persons, tracklets, identities))


def test_unknown_crops_are_nobody_and_nobody_else() -> None:
    persons = np.array([1, 1, 1, 2])
    assert idf1_of(persons, np.array([0, 0, 0, 0])) == 0.5
    found = score_identities(persons, np.arange(4), np.array([0, 0, -1, 0]))
    assert (found.pair_precision, found.pair_recall, found.pair_f1, found.identities) == (0, 0, 0, 0)
    assert idf1_of(np.zeros(0, np.int64), np.zeros(0, np.int64)) == 0


def test_a_distractor_is_wrong_wherever_it_is_put() -> None:
    groups = group_pictures(
        pictures_of(
            "0001_c1s1_000001_01", "0001_c2s1_000002_01", "0000_c1s1_000003_01", "0000_c2s1_000004_01"
        )
    )
    names = np.array([1, 1, 1, 2])
    score = score_replay(
        groups, Replayed(names, names, names, 0, np.ones(4), np.array([0.9, 0.6]), np.array([True, False]))
    )
    assert (score.people, score.identities) == (3, 2)
    assert score.idf1 == 0.75
    assert score.reliability == ((0.6, 0.0, 1), (0.9, 1.0, 1))
    assert score.ece == pytest.approx((0.6 + 0.1) / 2)
    assert (score.pair_precision, score.pair_recall) == (pytest.approx(1 / 3), 1)
