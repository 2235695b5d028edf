from __future__ import annotations

import itertools
import time
from collections import Counter, defaultdict

import numpy as np
import pytest
from synthetic_people import at_ns, faces, look, tracklet_of
from synthetic_site import Replay, Run, Site, Walk, place_of

from edge.config.pipeline import IdentifySpec, RefineSpec, TrackletSpec
from edge.records import Decision
from edge.stages.identify import Identifier
from edge.stages.refine import Refiner

Corner = tuple[float, float, float]


def across(
    person: int, camera: str, start_s: float, track: int, *, y: float = 240.0, back: bool = False
) -> Walk:
    """Ten seconds from one side of the picture to the other."""
    left, right = (start_s, 60.0, y), (start_s + 10.0, 580.0, y)
    path: tuple[Corner, ...] = (left, right)
    if back:
        path = ((start_s, 580.0, y), (start_s + 10.0, 60.0, y))
    return Walk(person, camera, path, track)


def crossing(*, swap: bool, apart_px: float = 10.0) -> list[Walk]:
    """Two people who pass each other in the middle at 5 s; the tracker exchanges them on request."""
    one = Walk(1, "door", ((0.0, 60.0, 240.0), (10.0, 580.0, 240.0)), 1, ((5.0, 2),) if swap else ())
    two = Walk(
        2,
        "door",
        ((0.0, 580.0, 240.0 + apart_px), (10.0, 60.0, 240.0 + apart_px)),
        2,
        ((5.0, 1),) if swap else (),
    )
    return [one, two]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("swap", [False, True])
def test_two_people_keep_their_identities_over_a_crossing(swap: bool, seed: int) -> None:
    run = Site(crossing(swap=swap), seed=seed).run(11.0)
    assert run.main_identity(1) != run.main_identity(2)
    assert run.identifier.people == 2


def test_a_mended_swap_is_announced_when_it_came_to_light_late() -> None:
    """The looks come only some time after the crossing, so the first belief is the tracker's."""
    run = Site(crossing(swap=True), seed=1).run(11.0)
    strands = {d.evidence["strand"] for d in run.decisions}
    assert len(strands) == 4
    for uid, tracklet in run.closed.items():
        assert run.replay.identity_of(uid) > 0, tracklet


def test_who_comes_back_after_half_a_minute_is_who_left() -> None:
    walks = [across(1, "door", 0.0, 1), across(2, "door", 3.0, 2, y=400.0), across(1, "door", 40.0, 3)]
    run = Site(walks).run(51.0)
    assert run.main_identity(1) != run.main_identity(2)
    assert run.identifier.people == 2
    assert "identity.match" in run.types()


def test_who_comes_back_after_the_window_is_remembered() -> None:
    walks = [across(1, "door", 0.0, 1), across(2, "door", 3.0, 2, y=400.0), across(1, "door", 80.0, 3)]
    run = Site(walks, identify=IdentifySpec(revise_s=30.0, recent_s=20.0)).run(91.0)
    assert run.main_identity(1) != run.main_identity(2)
    assert run.identifier.people == 2


def test_one_person_in_two_cameras_at_one_time_is_one_identity() -> None:
    walks = [across(1, "door", 0.0, 1), across(1, "hall", 2.0, 1), across(2, "hall", 2.0, 2, y=400.0)]
    run = Site(walks).run(13.0)
    assert run.main_identity(1, "door") == run.main_identity(1, "hall") != run.main_identity(2)
    assert run.identifier.people == 2


def test_two_cameras_with_different_casts_agree_in_the_end() -> None:
    """Each camera tints everybody; its mean takes that out once it has seen a few people."""
    walks = [
        across(p, camera, 6.0 * p + offset, p)
        for p in range(1, 9)
        for camera, offset in (("door", 0.0), ("hall", 12.0))
    ]
    run = Site(walks, cast=0.7, identify=IdentifySpec(revise_s=90.0)).run(75.0)
    same = sum(run.main_identity(p, "door") == run.main_identity(p, "hall") for p in range(1, 9))
    assert same >= 7
    assert len({run.main_identity(p, "door") for p in range(1, 9)}) == 8


@pytest.mark.parametrize("seed", range(3))
def test_two_at_one_time_in_one_camera_are_never_one_whatever_their_looks(seed: int) -> None:
    walks = [across(1, "door", 0.0, 1), across(2, "door", 0.0, 2, y=400.0), across(3, "door", 5.0, 3, y=90.0)]
    run = Site(walks, alike=[(1, 2), (1, 3)], seed=seed).run(16.0)
    assert len({run.main_identity(p) for p in (1, 2, 3)}) == 3
    assert run.identifier.left_out == 0


def test_twins_one_after_the_other_are_taken_for_one() -> None:
    """Nothing but looks could tell them apart."""
    walks = [across(1, "door", 0.0, 1), across(2, "door", 20.0, 2)]
    run = Site(walks, alike=[(1, 2)]).run(31.0)
    assert run.main_identity(1) == run.main_identity(2)


def test_nobody_is_at_two_ends_of_the_picture_within_a_moment() -> None:
    walks = [
        Walk(1, "door", ((0.0, 60.0, 240.0), (5.0, 70.0, 240.0)), 1),
        Walk(2, "door", ((5.3, 580.0, 240.0), (10.0, 560.0, 240.0)), 2),
    ]
    run = Site(walks, alike=[(1, 2)]).run(11.0)
    assert run.main_identity(1) != run.main_identity(2)


def test_different_people_are_different_identities() -> None:
    walks = [across(p, "door" if p % 2 else "hall", 3.0 * p, p, y=90.0 + 50 * (p % 6)) for p in range(1, 11)]
    run = Site(walks).run(42.0)
    assert len({run.main_identity(p) for p in range(1, 11)}) == 10
    assert run.identifier.people == 10


def test_a_broken_track_is_one_identity() -> None:
    """A pillar hides the person for a second; the tracker begins anew."""
    walks = [
        Walk(1, "door", ((0.0, 60.0, 240.0), (4.0, 260.0, 240.0)), 1),
        Walk(1, "door", ((5.0, 310.0, 240.0), (9.0, 510.0, 240.0)), 2),
    ]
    run = Site(walks).run(10.0)
    assert run.identifier.people == 1
    assert run.main_identity(1, share=1.0) == 1


def test_tracklets_without_embeddings_are_written_too() -> None:
    """Somebody too small to be embedded; motion alone holds the pieces together."""
    walks = [
        Walk(1, "door", ((0.0, 60.0, 240.0), (4.0, 260.0, 240.0)), 1, embedded=False),
        Walk(1, "door", ((4.5, 285.0, 240.0), (9.0, 510.0, 240.0)), 2, embedded=False),
        across(2, "door", 0.0, 3, y=400.0),
    ]
    run = Site(walks).run(11.0)
    assert run.main_identity(1, share=1.0) != run.main_identity(2, share=1.0)
    assert run.identifier.people == 2


def test_nothing_is_embedded_at_all() -> None:
    walks = [Walk(p, "door", across(p, "door", 2.0 * p, p).path, p, embedded=False) for p in (1, 2)]
    run = Site(walks, identify=IdentifySpec(weight_min=0.0)).run(16.0)
    assert run.main_identity(1) != run.main_identity(2)


def test_a_few_boxes_of_nobody_are_left_out_and_counted() -> None:
    walks = [Walk(1, "door", ((0.0, 60.0, 240.0), (0.25, 70.0, 240.0)), 1, embedded=False)]
    run = Site(walks).run(3.0)
    assert run.settled == []
    assert run.identifier.left_out == run.boxes == 3


def crowd(seed: int, people: int, length_s: float, cameras: int = 2) -> list[Walk]:
    """People who come and go at random, on few lanes, so that they cross; tracks swap at random."""
    rng = np.random.default_rng(seed)
    walks: list[Walk] = []
    track = itertools.count(1)
    for _ in range(people * 3):
        person = int(rng.integers(1, people + 1))
        start = float(rng.uniform(0, length_s - 12))
        camera = f"cam{rng.integers(cameras)}"
        busy = [w for w in walks if w.person == person and w.camera == camera]
        if any(w.path[0][0] - 14 < start < w.path[-1][0] + 4 for w in busy):
            continue
        y = float(rng.choice([150.0, 240.0, 330.0])) + float(rng.uniform(-15, 15))
        walk = across(person, camera, start, next(track), y=y, back=bool(rng.random() < 0.5))
        halves = [(start + 5.0, next(track))] if rng.random() < 0.3 else []
        walks.append(Walk(person, camera, walk.path, walk.track, tuple(halves), rng.random() < 0.9))
    return walks


@pytest.mark.parametrize("seed", range(5))
def test_in_a_crowd_events_tell_all_and_every_box_comes_out_once(seed: int) -> None:
    """Also: no two strands of one moment and camera share an identity, after every decision (Run.take)."""
    alike = [(1, 2), (3, 4)]
    spec = IdentifySpec(revise_s=26.0, recent_s=12.0, people_max=3, exemplars_max=2, fill_s=0.0)
    run = Site(crowd(seed, 8, 70.0), seed=seed, alike=alike, noise=1.2, identify=spec).run(71.0)
    rows = run.rows()
    assert all(person > 0 for _, _, person, _ in rows)
    assert len({(camera, frame, person) for camera, frame, person, _ in rows}) == len(rows)
    assert len({(camera, frame, identity) for camera, frame, _, identity in rows}) == len(rows)
    assert len(rows) + run.identifier.left_out == run.boxes
    for camera in {row[0] for row in rows}:
        frames = [row[1] for row in rows if row[0] == camera]
        assert frames == sorted(frames)
    uids = run.uids()
    for part in run.settled:
        for identity, frame, box in zip(part.identities, part.frames, part.boxes_px, strict=True):
            uid = uids[place_of(part.camera, frame, box)]
            assert run.replay.present(int(identity)) == run.replay.identity_of(uid)
    assert {"identity.new", "identity.match"} <= set(run.types())


def test_revisions_of_every_kind_happen_in_the_crowds() -> None:
    """So that the test above is a test of all of them."""
    seen: Counter[str] = Counter()
    for seed in range(6):
        spec = IdentifySpec(revise_s=26.0, recent_s=12.0, weight_min=2.0, match={"same_camera": 0.4})
        site = Site(crowd(seed, 6, 50.0), seed=seed, noise=1.6, identify=spec, refine=RefineSpec(rarity=0))
        seen.update(site.run(51.0).types())
    assert {f"identity.{kind}" for kind in ("new", "match", "rename", "merge", "split")} <= set(seen)


def test_an_identity_that_loses_its_evidence_is_withdrawn() -> None:
    """An open piece was seen twice; the cut at a crossing leaves it one look, which is too little."""
    face = faces(np.random.default_rng(0), 1)[0]
    identifier = Identifier(IdentifySpec(), Refiner(RefineSpec()), ["door"])
    identifier.advance(at_ns(0.0))
    identifier.add([tracklet_of(1, 0.0, 2.0, vectors=[face, face], closed=False)])
    replay = Replay()
    for decision in identifier.advance(at_ns(2.0)).decisions:
        replay.play(decision)
    assert (identifier.people, identifier.unknown, identifier.identity_of("door", 1)) == (1, 0, 1)
    identifier.add([tracklet_of(1, 0.0, 0.3, vectors=[face])])
    outcome = identifier.advance(at_ns(3.0))
    assert [(d.type, d.identity, d.previous) for d in outcome.decisions] == [
        ("identity.unknown", 0, 1),
        ("tracklet", 0, 0),
    ]
    assert (identifier.people, identifier.unknown, identifier.identity_of("door", 1)) == (0, 1, 0)
    assert [d.type for d in identifier.close().decisions] == []
    assert identifier.left_out == 4


@pytest.mark.parametrize("seed", [0, 6, 7])
def test_who_was_seen_together_is_never_merged_however_long_after(seed: int) -> None:
    """Look-alikes in few remembered visits: those in which they met are forgotten, that they met is not."""
    spec = IdentifySpec(revise_s=26.0, recent_s=12.0, exemplars_max=1, match={"same_camera": 0.3}, fill_s=0.0)
    site = Site(
        crowd(seed, 5, 60.0), seed=seed, alike=[(1, 2), (3, 4)], noise=1.2, rate_hz=5.0, identify=spec
    )
    rows = site.run(61.0).rows()
    assert len({(camera, frame, identity) for camera, frame, _, identity in rows}) == len(rows)


def test_boxes_settle_in_order_and_not_before_they_may() -> None:
    spec = IdentifySpec(revise_s=26.0, recent_s=12.0, fill_s=0.0)
    seen: dict[str, int] = defaultdict(int)

    def watch(time_s: float, run: Run) -> None:
        for part in run.settled:
            assert int(part.times_ns[-1]) <= at_ns(time_s - spec.revise_s)
            assert int(part.frames[0]) > seen[part.camera]
            seen[part.camera] = int(part.frames[-1])
        run.settled.clear()

    Site(crowd(3, 6, 60.0), identify=spec, seed=3).run(61.0, watch)
    assert min(seen.values()) > 200


def test_the_live_view_follows_the_belief() -> None:
    beliefs: list[int] = []

    def watch(time_s: float, run: Run) -> None:
        beliefs.append(run.identifier.identity_of("door", 1))

    run = Site([across(1, "door", 0.0, 1)]).run(11.0, watch)
    assert beliefs[0] == 0
    assert beliefs[60] == run.main_identity(1)
    assert run.identifier.identity_of("door", 99) == 0


def test_the_same_input_gives_the_same_decisions() -> None:
    def run() -> list[Decision]:
        return Site(crowd(7, 6, 40.0), seed=7, noise=1.4).run(41.0).decisions

    def told(decisions: list[Decision]) -> list[tuple[object, ...]]:
        return [
            (d.type, d.time_ns, d.camera, d.tracklet, d.identity, d.previous, d.probability, d.evidence)
            for d in decisions
        ]

    assert told(run()) == told(run())


def test_closing_without_anything_gives_nothing() -> None:
    identifier = Identifier(IdentifySpec(), Refiner(RefineSpec()), ["door"])
    outcome = identifier.close()
    assert (outcome.decisions, outcome.settled) == ((), ())
    assert (identifier.people, identifier.unknown) == (0, 0)


def test_a_piece_that_comes_much_too_late_is_taken_all_the_same() -> None:
    """A camera that was away hands in what it had only when it is back."""
    rng = np.random.default_rng(0)
    face = faces(rng, 1)[0]
    identifier = Identifier(IdentifySpec(), Refiner(RefineSpec()), ["door"])
    identifier.advance(at_ns(300.0))
    identifier.add([tracklet_of(1, 10.0, 12.0, vectors=[look(face, rng) for _ in range(5)])])
    replay = Replay()
    outcome = identifier.advance(at_ns(310.0))
    for decision in outcome.decisions:
        replay.play(decision)
    assert [len(part.frames) for part in outcome.settled] == [21]
    assert replay.identity_of("door/1/0") == outcome.settled[0].identities[0] == 1


def test_who_was_in_sight_when_a_camera_went_away_keeps_the_identity() -> None:
    """Its open piece is closed only when the camera is back, long after decisions may be revised."""
    rng = np.random.default_rng(0)
    one, other = faces(rng, 2)
    identifier = Identifier(IdentifySpec(), Refiner(RefineSpec(camera_mean=False)), ["door", "hall"])
    replay = Replay()
    looks = [look(one, rng) for _ in range(6)]
    for second in range(400):
        if second == 4:
            identifier.add([tracklet_of(1, 0.0, 4.0, vectors=looks, closed=False)])
        if second == 350:
            identifier.add([tracklet_of(1, 0.0, 4.3, vectors=looks)])
        seen = tracklet_of(second + 1, second, second + 0.9, camera="hall", vectors=[look(other, rng)] * 2)
        identifier.add([seen])
        for decision in identifier.advance(at_ns(second + 1.0)).decisions:
            replay.play(decision)
        if 10 <= second < 350:
            assert identifier.identity_of("door", 1) == 2  # the hall was first
    outcome = identifier.close()
    assert replay.identity_of("door/1/0") == 2
    assert identifier.people == 2
    assert {part.camera for part in outcome.settled} == {"hall"}, "the rest was settled before"


def test_nothing_grows_in_a_long_run_of_ever_new_people() -> None:
    """Half an hour of strangers; what is held and the time taken stay level."""
    rng = np.random.default_rng(1)
    spec = IdentifySpec(revise_s=30.0, recent_s=20.0, people_max=20, exemplars_max=2)
    identifier = Identifier(spec, Refiner(RefineSpec()), ["door"])
    held: list[int] = []
    spent: list[float] = []
    for number in range(600):
        start = 3.0 * number
        face = faces(rng, 40)[0]
        vectors = [look(face, rng) for _ in range(4)]
        tracklet = tracklet_of(
            number + 1, start, start + 2.0, begin=(100, 240), end=(200, 240), vectors=vectors
        )
        begun = time.perf_counter()
        identifier.add([tracklet])
        identifier.advance(at_ns(start + 3.0))
        spent.append(time.perf_counter() - begun)
        containers = (identifier._strands, identifier._closed, identifier._unwritten, identifier._gallery)
        ledger = identifier._ledgers["door"]
        visits = [strand for visit in identifier._visits["door"] for strand in visit]
        held.append(sum(map(len, (*containers, ledger._entries, ledger._last, visits))))
    assert identifier.people > 300
    assert max(held[300:]) <= 1.1 * max(held[60:300]) <= 100
    assert np.percentile(spent[400:], 20) < 2.0 * np.percentile(spent[100:300], 20)


def test_nothing_grows_while_somebody_stays_for_hours() -> None:
    """The tracker loses and finds them again and again: one visit of ever more strands."""
    rng = np.random.default_rng(2)
    face = faces(rng, 1)[0]
    spec = IdentifySpec(revise_s=30.0, recent_s=20.0)
    identifier = Identifier(spec, Refiner(RefineSpec()), ["door"])
    held: list[int] = []
    settled = 0
    for number in range(400):
        start = 5.0 * number
        vectors = [look(face, rng) for _ in range(4)]
        identifier.add([tracklet_of(number + 1, start, start + 4.0, vectors=vectors)])
        settled += sum(len(part.frames) for part in identifier.advance(at_ns(start + 5.0)).settled)
        visits = [strand for visit in identifier._visits["door"] for strand in visit]
        held.append(len(identifier._strands) + len(visits) + len(identifier._ledgers["door"]._entries))
    settled += sum(len(part.frames) for part in identifier.close().settled)
    assert identifier.people == 1
    assert max(held[200:]) <= max(held[20:200]) <= 60
    assert settled >= 400 * 41


def test_a_track_in_many_joined_pieces_is_one_strand() -> None:
    run = Site(
        [Walk(1, "door", ((0.0, 100.0, 240.0), (60.0, 110.0, 240.0)), 1)],
        tracklet=TrackletSpec(length_max_s=3.0),
        identify=IdentifySpec(revise_s=15.0, recent_s=10.0),
    ).run(61.0)
    assert len({d.evidence["strand"] for d in run.decisions}) == 1
    assert run.types() == ["identity.new"]
    assert len(run.closed) > 15
    assert run.identities_of(1) == {1: run.boxes}
