from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pytest
from synthetic_people import Box, at_ns, box_at, faces, frame_of, look

from edge.config.pipeline import TrackletSpec
from edge.records import EmbeddedFrame, Tracklet
from edge.stages.tracklet import TrackletBuilder

SPEC = TrackletSpec()
RATE_HZ = 10.0
STILL: Box = box_at(100.0)


def frames_of(
    overlaps: Iterable[float | None], *, track: int = 1, embedded: bool = False
) -> list[EmbeddedFrame]:
    """Frames of one track, with its overlap in each; None where it is not seen."""
    rng = np.random.default_rng(0)
    face = faces(rng, 1)[0]
    return [
        frame_of(
            number,
            (number - 1) / RATE_HZ,
            {} if overlap is None else {track: STILL},
            overlaps={} if overlap is None else {track: overlap},
            looks={track: look(face, rng)} if embedded and overlap is not None else {},
        )
        for number, overlap in enumerate(overlaps, 1)
    ]


def fed(builder: TrackletBuilder, frames: Iterable[EmbeddedFrame]) -> list[Tracklet]:
    return [tracklet for frame in frames for tracklet in builder.add(frame)]


def closed(tracklets: Iterable[Tracklet]) -> list[Tracklet]:
    return [tracklet for tracklet in tracklets if tracklet.closed]


def spans(tracklets: Iterable[Tracklet]) -> list[tuple[int, int]]:
    return [(int(t.frames[0]), int(t.frames[-1])) for t in tracklets]


def test_a_track_is_cut_at_the_most_covered_moment_of_a_crossing() -> None:
    #           1    2    3    4    5    6    7 ...
    overlaps = [0.0, 0.0, 0.4, 0.6, 0.9, 0.5, 0.4] + [0.0] * 10
    builder = TrackletBuilder("door", SPEC)
    pieces = closed(fed(builder, frames_of(overlaps)))
    assert spans(pieces) == [(1, 4)]
    rest = builder.close()
    assert spans(rest) == [(5, 17)]
    assert not rest[0].joined
    assert (pieces[0].part, rest[0].part) == (0, 1)
    assert pieces[0].overlap_end == pytest.approx(0.6)
    assert rest[0].overlap_start == pytest.approx(0.9)


def test_a_light_touch_is_no_crossing() -> None:
    builder = TrackletBuilder("door", SPEC)
    assert not closed(fed(builder, frames_of([0.0, 0.2, SPEC.overlap_max - 1e-6, 0.1] + [0.0] * 10)))
    assert spans(builder.close()) == [(1, 14)]


def test_two_crossings_in_quick_succession_are_one() -> None:
    overlaps = [0.0, 0.5, 0.0, 0.0, 0.8, 0.0] + [0.0] * 10
    pieces = closed(fed(TrackletBuilder("door", SPEC), frames_of(overlaps)))
    assert spans(pieces) == [(1, 4)]


def test_two_crossings_further_apart_are_two() -> None:
    overlaps = [0.0, 0.5] + [0.0] * 6 + [0.8] + [0.0] * 6
    pieces = closed(fed(TrackletBuilder("door", SPEC), frames_of(overlaps)))
    assert spans(pieces) == [(1, 1), (2, 8)]


def test_a_track_that_begins_in_a_crossing_is_not_cut_at_its_first_box() -> None:
    builder = TrackletBuilder("door", SPEC)
    assert not closed(fed(builder, frames_of([0.9, 0.6, 0.4] + [0.0] * 10)))
    assert spans(builder.close()) == [(1, 13)]


def test_a_gap_closes_the_piece() -> None:
    builder = TrackletBuilder("door", SPEC)
    overlaps: list[float | None] = [0.0] * 5 + [None] * 5 + [0.0] * 3
    pieces = closed(fed(builder, frames_of(overlaps)))
    assert spans(pieces) == [(1, 5)]
    rest = builder.close()
    assert spans(rest) == [(11, 13)]
    assert rest[0].part == 1
    assert not rest[0].joined


def test_a_short_gap_does_not() -> None:
    builder = TrackletBuilder("door", SPEC)
    assert not closed(fed(builder, frames_of([0.0] * 5 + [None] * 2 + [0.0] * 3)))
    (piece,) = builder.close()
    assert piece.frames.tolist() == [1, 2, 3, 4, 5, 8, 9, 10]


def test_a_gap_is_noticed_in_a_frame_with_others_in_it() -> None:
    builder = TrackletBuilder("door", SPEC)
    builder.add(frame_of(1, 0.0, {1: STILL, 2: box_at(400)}))
    pieces = fed(builder, [frame_of(n, n / 10, {2: box_at(400)}) for n in range(2, 8)])
    assert [t.track for t in closed(pieces)] == [1]


def test_a_gap_within_a_crossing_still_cuts_at_its_peak() -> None:
    builder = TrackletBuilder("door", SPEC)
    pieces = closed(fed(builder, frames_of([0.0, 0.0, 0.5, 0.9, 0.7] + [None] * 5)))
    assert spans(pieces) == [(1, 3), (4, 5)]
    assert [t.part for t in pieces] == [0, 1]


def test_parts_go_on_after_a_gap_within_a_crossing() -> None:
    builder = TrackletBuilder("door", SPEC)
    pieces = fed(builder, frames_of([0.0, 0.0, 0.9, 0.7] + [None] * 5 + [0.0] * 3))
    assert [t.part for t in closed(pieces) + builder.close()] == [0, 1, 2]


def test_maximum_length_gives_joined_pieces() -> None:
    builder = TrackletBuilder("door", TrackletSpec(length_max_s=2.0))
    pieces = closed(fed(builder, frames_of([0.0] * 70))) + builder.close()
    assert [t.joined for t in pieces] == [False] + [True] * (len(pieces) - 1)
    assert len(pieces) == 4
    assert all(t.ended_at_ns - t.started_at_ns < 2e9 for t in pieces)
    assert np.concatenate([t.frames for t in pieces]).tolist() == list(range(1, 71))


def test_a_crossing_longer_than_the_maximum_length_is_cut_at_its_peak_first() -> None:
    overlaps = [0.0] * 5 + [0.5] * 5 + [0.9] + [0.5] * 60 + [0.0] * 10
    builder = TrackletBuilder("door", TrackletSpec(length_max_s=2.0))
    pieces = closed(fed(builder, frames_of(overlaps))) + builder.close()
    assert spans(pieces)[0] == (1, 10)
    assert not pieces[1].joined
    assert pieces[2].joined, "within the same crossing, after its peak, nothing speaks for a swap"
    assert np.concatenate([t.frames for t in pieces]).tolist() == list(range(1, len(overlaps) + 1))


def test_a_growing_piece_is_reported_once_a_second() -> None:
    builder = TrackletBuilder("door", TrackletSpec(report_s=1.0))
    reports = fed(builder, frames_of([0.0] * 35, embedded=True))
    assert [(t.closed, len(t.frames)) for t in reports] == [(False, 11), (False, 21), (False, 31)]
    assert {t.uid for t in reports} == {"door/1/0"}
    assert reports[2].weight > reports[0].weight


def test_the_rest_of_a_cut_piece_is_reported_as_the_piece_was() -> None:
    builder = TrackletBuilder("door", TrackletSpec(report_s=1.0, length_max_s=1.5))
    reports = fed(builder, frames_of([0.0] * 25))
    assert [(t.closed, t.part, len(t.frames)) for t in reports] == [
        (False, 0, 11),
        (True, 0, 15),
        (False, 1, 6),
    ]


def test_closing_during_a_crossing_cuts_at_its_peak() -> None:
    builder = TrackletBuilder("door", SPEC)
    assert not fed(builder, frames_of([0.0, 0.0, 0.0, 0.5, 0.9, 0.8]))
    assert spans(builder.close()) == [(1, 4), (5, 6)]
    assert builder.close() == []


def test_embeddings_go_with_the_piece_their_box_is_in() -> None:
    rng = np.random.default_rng(1)
    before, after = faces(rng, 2)
    overlaps = [0.0] * 4 + [0.5, 0.9, 0.5] + [0.0] * 8
    builder = TrackletBuilder("door", SPEC)
    pieces = []
    for number, overlap in enumerate(overlaps, 1):
        face = before if number < 6 else after
        frame = frame_of(number, number / 10, {1: STILL}, overlaps={1: overlap}, looks={1: face})
        pieces += closed(builder.add(frame))
    pieces += builder.close()
    assert [len(t.vectors) for t in pieces] == [5, 10]
    np.testing.assert_allclose(pieces[0].vector, before, atol=1e-6)
    np.testing.assert_allclose(pieces[1].vector, after, atol=1e-6)
    assert pieces[1].weight == pytest.approx(8.0)
    for piece in pieces:
        assert len(piece.crops) == SPEC.crops_max
        assert all(piece.started_at_ns <= c.captured_at_ns <= piece.ended_at_ns for c in piece.crops)


def test_the_mean_counts_good_crops_for_more_and_keeps_the_best_pictures() -> None:
    good, bad = faces(np.random.default_rng(2), 2)
    builder = TrackletBuilder("door", TrackletSpec(crops_max=2))
    for number, (face, quality) in enumerate([(bad, 0.1), (good, 0.9), (bad, 0.1), (good, 0.5)], 1):
        builder.add(frame_of(number, number / 10, {1: STILL}, looks={1: face}, quality=quality))
    (piece,) = builder.close()
    expected = 1.4 * good + 0.2 * bad
    np.testing.assert_allclose(piece.vector, expected / np.linalg.norm(expected), atol=1e-6)
    assert [c.quality for c in piece.crops] == [0.9, 0.5]
    assert piece.weight == pytest.approx(1.6)


def test_nothing_embedded_gives_an_empty_vector() -> None:
    builder = TrackletBuilder("door", SPEC)
    builder.add(frame_of(1, 0.0, {1: STILL}))
    (piece,) = builder.close()
    assert (piece.vector.shape, piece.weight, piece.model, piece.crops) == ((0,), 0.0, "", ())


def test_pieces_do_not_share_memory_with_the_growing_one() -> None:
    builder = TrackletBuilder("door", TrackletSpec(report_s=0.5))
    reports = fed(builder, frames_of([0.0] * 12, embedded=True))
    before = reports[0].boxes_px.copy()
    reports[0].boxes_px[:] = -1
    (last,) = builder.close()
    np.testing.assert_array_equal(last.boxes_px[: len(before)], before)


@pytest.mark.parametrize("seed", range(12))
def test_every_box_comes_out_exactly_once_whatever_happens(seed: int) -> None:
    """Random tracks that come, go, cross and stand still, at a random frame rate."""
    rng = np.random.default_rng(seed)
    spec = TrackletSpec(
        length_max_s=float(rng.choice([0.3, 1.0, 4.0])),
        clear_s=float(rng.choice([0.0, 0.3])),
        gap_s=float(rng.choice([0.05, 0.35])),
        report_s=float(rng.choice([0.0, 0.5])),
    )
    builder = TrackletBuilder("door", spec)
    given: dict[int, list[int]] = defaultdict(list)
    embedded: dict[int, list[int]] = defaultdict(list)
    out: list[Tracklet] = []
    time_s = 0.0
    face = faces(rng, 1)[0]
    overlap = dict.fromkeys(range(1, 6), 0.0)
    present = dict.fromkeys(range(1, 6), False)
    for number in range(1, 400):
        time_s += float(rng.choice([0.04, 0.1, 0.1, 0.5]))
        for track in overlap:
            if rng.random() < 0.05:
                present[track] = not present[track]
            if rng.random() < 0.2:
                overlap[track] = float(rng.choice([0.0, rng.random()]))
        here = [track for track in overlap if present[track] and rng.random() < 0.9]
        looks = {track: face for track in here if rng.random() < 0.3}
        for track in here:
            given[track].append(number)
        for track in looks:
            embedded[track].append(number)
        boxes = dict.fromkeys(here, STILL)
        out += builder.add(frame_of(number, time_s, boxes, looks=looks, overlaps=overlap))
    out += builder.close()
    for track, numbers in given.items():
        pieces = [t for t in out if t.closed and t.track == track]
        assert np.concatenate([t.frames for t in pieces]).tolist() == numbers, "in order, each once"
        assert [t.part for t in pieces] == list(range(len(pieces)))
        assert sum(len(t.vectors) for t in pieces) == len(embedded[track])
        for before, after in itertools.pairwise(pieces):
            assert before.ended_at_ns < after.started_at_ns
        for piece in pieces:
            assert piece.ended_at_ns - piece.started_at_ns < max(spec.length_max_s, 0.5) * 1e9 + 1
            assert len(piece.frames) == len(piece.boxes_px) == len(piece.scores) == len(piece.times_ns) > 0
            assert (piece.started_at_ns, piece.ended_at_ns) == (piece.times_ns[0], piece.times_ns[-1])
    final = {t.uid: t for t in out if t.closed}
    assert len(final) == sum(t.closed for t in out), "a uid is closed once"
    for tracklet in out:
        assert tracklet.uid in final, "what was reported open is closed in the end"
        if not tracklet.closed:
            assert tracklet.started_at_ns == final[tracklet.uid].started_at_ns


def test_no_open_report_follows_the_closed_piece() -> None:
    builder = TrackletBuilder("door", TrackletSpec(report_s=0.2, length_max_s=1.0))
    out = fed(builder, frames_of([0.0] * 60)) + builder.close()
    done: set[str] = set()
    for tracklet in out:
        assert tracklet.uid not in done
        if tracklet.closed:
            done.add(tracklet.uid)


def test_a_track_that_never_ends_takes_bounded_memory() -> None:
    builder = TrackletBuilder("door", TrackletSpec(length_max_s=2.0))
    rng = np.random.default_rng(3)
    face = faces(rng, 1)[0]
    most = 0
    for number in range(1, 3000):
        overlap = 0.9 if number > 1500 else 0.0  # in the end a crossing that never ends, too
        builder.add(
            frame_of(number, number / 10, {1: STILL}, looks={1: face}, overlaps={1: overlap + number * 1e-6})
        )
        (piece,) = builder._open.values()
        most = max(most, len(piece.frames), len(piece.embeddings))
    assert most <= 21


def test_tracks_that_come_and_go_leave_nothing_behind() -> None:
    builder = TrackletBuilder("door", SPEC)
    for number in range(1, 3000):
        builder.add(frame_of(number, number / 2, {number // 4 + 1: STILL}))
    assert len(builder._open) <= 2
    assert len(builder._next_part) <= 40


def test_the_same_frames_give_the_same_tracklets() -> None:
    def run() -> list[tuple[str, bool, int, int]]:
        builder = TrackletBuilder("door", SPEC)
        out = fed(builder, frames_of([0.0, 0.5, 0.9, 0.2] * 30, embedded=True)) + builder.close()
        return [(t.uid, t.closed, t.started_at_ns, t.ended_at_ns) for t in out]

    assert run() == run()
    assert run()[0][2] == at_ns(0.0)


def test_time_alone_closes_the_piece_of_a_camera_that_is_down() -> None:
    builder = TrackletBuilder("door", SPEC)
    fed(builder, frames_of([0.0] * 5))
    assert builder.advance(at_ns(0.4 + SPEC.gap_s)) == []
    (piece,) = builder.advance(at_ns(0.4 + SPEC.gap_s + 0.1))
    assert piece.closed
    assert spans([piece]) == [(1, 5)]
    assert builder.advance(at_ns(60.0)) == []
    assert builder.close() == []
