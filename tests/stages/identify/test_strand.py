from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from synthetic_people import at_ns, faces, tracklet_of

from edge.records import Tracklet
from edge.stages.identify.strand import Strand

FACES = faces(np.random.default_rng(0), 3)


def walking(part: int = 0, start_s: float = 0.0, **more: object) -> Tracklet:
    """Three seconds at 20 px per second to the right."""
    x = 100.0 + 20.0 * start_s
    made = tracklet_of(
        7,
        start_s,
        start_s + 3.0,
        part=part,
        begin=(x, 240.0),
        end=(x + 60.0, 240.0),
        vectors=[FACES[0]] * 2,
        quality=0.5,
    )
    return replace(made, **more)


def test_a_strand_begins_as_its_first_piece() -> None:
    strand = Strand.begin(4, walking(overlap_start=0.1, overlap_end=0.2))
    assert (strand.number, strand.camera, strand.track, strand.boxes) == (4, "door", 7, 31)
    assert (strand.identity, strand.pinned, strand.pieces) == (0, False, ["door/7/0"])
    assert (strand.start_s, strand.end_s) == (at_ns(0.0) / 1e9, at_ns(3.0) / 1e9)
    assert (strand.overlap_start, strand.overlap_end) == (0.1, 0.2)
    assert strand.head == pytest.approx((100.0, 240.0))
    assert strand.tail == pytest.approx((160.0, 240.0))
    assert strand.head_speed == pytest.approx((20.0, 0.0), abs=1e-3)
    assert strand.tail_speed == pytest.approx((20.0, 0.0), abs=1e-3)
    assert strand.height_px == pytest.approx(100.0)
    assert strand.weight == pytest.approx(1.0)
    assert strand.crop is not None


def test_a_grown_piece_replaces_what_it_was_before() -> None:
    grown = walking()
    shorter = tracklet_of(7, 0.0, 1.0, vectors=[FACES[1]], closed=False)
    strand = Strand.begin(1, shorter)
    assert strand.boxes == 11
    strand.extend(replace(grown, closed=False))
    assert strand.boxes == 31
    assert strand.weight == pytest.approx(1.0)
    np.testing.assert_allclose(strand.vector, FACES[0], atol=1e-6)
    strand.extend(grown)
    assert strand.boxes == 31
    assert strand.weight == pytest.approx(1.0)
    assert strand.pieces == ["door/7/0"]


def test_a_piece_cut_shorter_than_it_was_reported_takes_its_end_back() -> None:
    strand = Strand.begin(1, replace(walking(), closed=False))
    strand.extend(tracklet_of(7, 0.0, 1.0, vectors=[FACES[1]], overlap_end=0.9))
    assert strand.end_s == at_ns(1.0) / 1e9
    assert strand.boxes == 11
    assert strand.overlap_end == 0.9
    np.testing.assert_allclose(strand.vector, FACES[1], atol=1e-6)


def test_further_pieces_add_up() -> None:
    strand = Strand.begin(1, walking())
    for part in range(1, 4):
        later = walking(part, 3.1 * part, vector=FACES[part % 2], overlap_start=0.7, overlap_end=0.1 * part)
        strand.extend(replace(later, closed=False))
        strand.extend(later)
    assert strand.boxes == 4 * 31
    assert strand.weight == pytest.approx(4.0)
    np.testing.assert_allclose(strand.vector, (FACES[0] + FACES[1]) / np.sqrt(2), atol=1e-6)
    assert strand.pieces == ["door/7/0", "door/7/3"]
    assert strand.head == pytest.approx((100.0, 240.0))
    assert strand.overlap_start == 0.0
    assert strand.overlap_end == pytest.approx(0.3)
    assert strand.tail[0] == pytest.approx(160.0 + 9.3 * 20.0)


def test_a_strand_without_embeddings_has_no_vector() -> None:
    strand = Strand.begin(1, tracklet_of(7, 0.0, 1.0))
    assert strand.vector is None
    assert strand.weight == 0.0
    strand.extend(tracklet_of(7, 1.1, 2.0, part=1, vectors=[FACES[2]]))
    np.testing.assert_allclose(strand.vector, FACES[2], atol=1e-6)


def test_a_short_piece_says_nothing_of_speed() -> None:
    strand = Strand.begin(1, tracklet_of(7, 0.0, 0.2, begin=(0.0, 0.0), end=(50.0, 0.0)))
    assert strand.head_speed == strand.tail_speed == (0.0, 0.0)


def test_speed_is_that_of_the_last_second_alone() -> None:
    boxes = walking().boxes_px.copy()
    boxes[-11:] += np.linspace(0, 40, 11, dtype=np.float32)[:, None] * np.array([0, 1, 0, 1], np.float32)
    strand = Strand.begin(1, walking(boxes_px=boxes))
    assert strand.head_speed == pytest.approx((20.0, 0.0), abs=1e-3)
    assert strand.tail_speed == pytest.approx((20.0, 40.0), abs=1e-3)


def test_the_best_picture_is_kept() -> None:
    strand = Strand.begin(1, walking())
    better = tracklet_of(7, 3.1, 4.0, part=1, vectors=[FACES[0]], quality=0.9)
    worse = tracklet_of(7, 4.1, 5.0, part=2, vectors=[FACES[0]], quality=0.7)
    strand.extend(better)
    strand.extend(worse)
    assert strand.crop is better.crops[0]


def test_absorbing_the_next_strand_is_like_having_been_one() -> None:
    first = Strand.begin(1, walking())
    later = Strand.begin(
        2, replace(walking(3, 5.0, vector=FACES[1], overlap_end=0.4), track=9, uid="door/9/3")
    )
    first.absorb(later)
    assert (first.number, first.track, first.boxes) == (1, 9, 62)
    assert first.weight == pytest.approx(2.0)
    np.testing.assert_allclose(first.vector, (FACES[0] + FACES[1]) / np.sqrt(2), atol=1e-6)
    assert (first.start_s, first.end_s) == (at_ns(0.0) / 1e9, at_ns(8.0) / 1e9)
    assert first.head == pytest.approx((100.0, 240.0))
    assert first.tail == later.tail
    assert first.overlap_end == 0.4
    assert first.pieces == ["door/7/0", "door/9/3"]


def test_absorbing_who_was_never_embedded_changes_no_looks() -> None:
    bare, seen = Strand.begin(1, tracklet_of(7, 0.0, 1.0)), Strand.begin(2, walking(1, 2.0))
    bare.absorb(Strand.begin(3, tracklet_of(8, 1.2, 1.8)))
    assert bare.vector is None
    bare.absorb(seen)
    np.testing.assert_allclose(bare.vector, FACES[0], atol=1e-6)
