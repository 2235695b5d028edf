from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import av
import numpy as np
import pytest

from edge.backends import Port, check_ports, open_session
from edge.config.card import ModelCard
from edge.config.catalog import load_card
from edge.errors import ModelError
from edge.evaluate.mot import read_mot
from edge.evaluate.tracking import box_ious
from edge.records import Detections, Frame
from edge.stages.detect import Detector

MakeCard = Callable[..., ModelCard]
MakeFrame = Callable[..., Frame]


class FakeSession:
    """Answers row i with a box whose left edge is the mean of picture i; remembers the sizes of batches."""

    def __init__(self, outputs: Mapping[str, np.ndarray] | None = None) -> None:
        self.batches: list[int] = []
        self.given = outputs
        self.last: dict[str, np.ndarray] = {}

    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        pictures = feeds["images"]
        self.batches.append(len(pictures))
        if self.given is not None:
            self.last = dict(self.given)
        else:
            boxes = np.zeros((len(pictures), 1, 5), dtype=np.float32)
            boxes[:, 0, 0] = pictures.mean(axis=(1, 2, 3))
            boxes[:, 0, 2:] = (400, 400, 0.9)
            self.last = {"o": boxes}
        return self.last

    def close(self) -> None:
        pass


def boxes_card(make_card: MakeCard, batch: int | None = None) -> ModelCard:
    return make_card("boxes-scores", {"o": (batch, None, 5)}, batch=batch, input={"resize": "stretch"})


def grey(make_frame: MakeFrame, level: int) -> Frame:
    return make_frame(np.full((640, 640, 3), level, dtype=np.uint8), number=level)


@pytest.mark.parametrize(("batch", "runs"), [(1, [1] * 7), (4, [4, 4]), (None, [3, 3, 1])])
def test_every_frame_gets_its_own_boxes_whatever_the_batch(
    batch: int | None, runs: list[int], make_card: MakeCard, make_frame: MakeFrame
) -> None:
    session = FakeSession()
    detector = Detector(boxes_card(make_card, batch), session, batch_max=3)
    frames = [grey(make_frame, level) for level in (10, 200, 30, 0, 99, 150, 7)]
    found = detector.detect(frames)
    assert session.batches == runs
    assert [one.frame for one in found] == frames
    assert [one.boxes_px[0, 0] for one in found] == pytest.approx([10, 200, 30, 0, 99, 150, 7], abs=1e-3)


def test_no_frames_run_nothing(make_card: MakeCard) -> None:
    session = FakeSession()
    assert Detector(boxes_card(make_card), session).detect([]) == []
    assert session.batches == []


def test_kept_boxes_are_copies_of_the_networks_memory(make_card: MakeCard, make_frame: MakeFrame) -> None:
    session = FakeSession({"o": np.array([[[10, 10, 90, 90, 0.9]]], dtype=np.float32)})
    found = Detector(boxes_card(make_card), session).detect([grey(make_frame, 5)])[0]
    session.last["o"][:] = -1
    assert found.boxes_px.tolist() == [[10, 10, 90, 90]]
    assert found.scores.tolist() == pytest.approx([0.9])


def test_boxes_are_clipped_and_slivers_dropped(make_card: MakeCard, make_frame: MakeFrame) -> None:
    rows = [
        [-50, -20, 300, 700, 0.9],  # beyond three edges
        [639.5, 10, 700, 200, 0.8],  # half a pixel is left of it
        [700, 10, 800, 200, 0.7],  # wholly outside
        [400, 100, 500, 200, 0.6],
    ]
    session = FakeSession({"o": np.array([rows], dtype=np.float32)})
    found = Detector(boxes_card(make_card), session).detect([grey(make_frame, 5)])[0]
    assert found.boxes_px.tolist() == [[0, 0, 300, 640], [400, 100, 500, 200]]
    assert found.scores.tolist() == pytest.approx([0.9, 0.6])
    assert found.boxes_px.dtype == found.scores.dtype == np.float32


def test_a_picture_of_one_pixel_is_searched_too(make_card: MakeCard, make_frame: MakeFrame) -> None:
    session = FakeSession({"o": np.array([[[0, 0, 640, 640, 0.9], [0, 0, 100, 640, 0.8]]], dtype=np.float32)})
    found = Detector(boxes_card(make_card), session).detect([make_frame(width=1, height=1)])[0]
    assert found.boxes_px.tolist() == [[0, 0, 1, 1]]


def test_duplicates_are_suppressed_unless_the_network_did_it(
    make_card: MakeCard, make_frame: MakeFrame
) -> None:
    twins = np.array([[[10, 10, 90, 90, 0.8, 0], [11, 10, 90, 90, 0.9, 0]]], dtype=np.float32)
    plain = Detector(boxes_card(make_card), FakeSession({"o": twins[..., :5]}))
    assert plain.detect([grey(make_frame, 5)])[0].scores.tolist() == pytest.approx([0.9])
    card = make_card("yolo-end2end", {"o": twins.shape}, options={"class_count": 80})
    end2end = Detector(card, FakeSession({"o": twins}))
    assert end2end.detect([grey(make_frame, 5)])[0].scores.tolist() == pytest.approx([0.9, 0.8])


def test_numbers_given_come_before_the_cards_advice(make_card: MakeCard, make_frame: MakeFrame) -> None:
    rows = np.array([[[10, 10, 90, 90, 0.8], [10, 10, 90, 60, 0.1]]], dtype=np.float32)
    card = boxes_card(make_card)
    frame = grey(make_frame, 5)
    assert len(Detector(card, FakeSession({"o": rows})).detect([frame])[0].scores) == 1
    assert len(Detector(card, FakeSession({"o": rows}), 0.05, 0.9).detect([frame])[0].scores) == 2
    with pytest.raises(ModelError, match="score_min must be 0 to 1"):
        Detector(card, FakeSession(), score_min=2.0)


def test_numbers_that_are_not_finite_are_counted_and_told_once(
    make_card: MakeCard, make_frame: MakeFrame, caplog: pytest.LogCaptureFixture
) -> None:
    rows = np.array(
        [[[10, 10, np.nan, 90, 0.8], [10, 10, 90, 60, np.nan], [5, 5, 50, 50, 0.9]]], dtype=np.float32
    )
    detector = Detector(boxes_card(make_card), FakeSession({"o": rows}))
    with caplog.at_level(logging.WARNING):
        found = [detector.detect([grey(make_frame, 5)])[0] for _ in range(3)]
    assert [one.boxes_px.tolist() for one in found] == [[[5, 5, 50, 50]]] * 3
    assert detector.not_finite == 6
    assert len(caplog.records) == 1
    assert "test-net" in caplog.text


def test_an_embedding_model_is_refused() -> None:
    with pytest.raises(ModelError, match="choose a model with task 'detect'"):
        Detector(load_card("osnet-x0-25"), FakeSession())


# --- on the shared video, with real weights ---


def pets_frames(shared: Path, step: int) -> list[Frame]:
    with av.open(str(shared / "data/video/pets09_s2l1_view1_480x360.avi")) as video:
        return [
            Frame("pets", number, 0, number / 10, number, picture.to_ndarray(format="bgr24"))
            for number, picture in enumerate(video.decode(video=0), start=1)
            if number % step == 1
        ]


def open_detector(shared: Path, name: str, **numbers: float) -> Detector:
    card = load_card(name)
    session = open_session(shared / "data/models" / card.file)
    check_ports(session, card)
    return Detector(card, session, **numbers)


def matched_in_order(found: list[Detections], truth_path: Path) -> tuple[np.ndarray, int]:
    """For all boxes, best first: is it the first at its person (IoU 0.5)? And how many people there are."""
    truth = read_mot(truth_path).scaled(0.625)
    hits: list[tuple[float, bool]] = []
    people = 0
    for one in found:
        persons = truth.boxes_ltwh_px[truth.frames == one.frame.number]
        people += len(persons)
        sizes = one.boxes_px[:, 2:] - one.boxes_px[:, :2]
        ious = box_ious(np.concatenate((one.boxes_px[:, :2], sizes), axis=1).astype(float), persons)
        free = np.ones(len(persons), dtype=bool)
        for row, score in enumerate(one.scores):
            candidates = np.where(free, ious[row], 0)
            best = int(candidates.argmax()) if len(persons) else 0
            hit = bool(len(persons)) and candidates[best] >= 0.5
            if hit:
                free[best] = False
            hits.append((float(score), hit))
    hits.sort(key=lambda pair: -pair[0])
    return np.array([hit for _, hit in hits]), people


def average_precision(hits: np.ndarray, people: int) -> float:
    recall = np.cumsum(hits) / people
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * envelope))


def test_yolox_nano_finds_the_people_of_pets(shared: Path) -> None:
    detector = open_detector(shared, "yolox-nano", score_min=0.01)
    found = detector.detect(pets_frames(shared, 4))
    hits, people = matched_in_order(found, shared / "data/gt/PETS09-S2L1/gt.txt")
    assert average_precision(hits, people) >= 0.88


def test_the_converted_yolox_in_batches_gives_the_same_people(shared: Path) -> None:
    frames = pets_frames(shared, 53)
    ones = open_detector(shared, "yolox-nano").detect(frames)
    batched = open_detector(shared, "yolox-nano-person").detect(frames)
    for one, other in zip(ones, batched, strict=True):
        assert np.abs(one.scores - other.scores).max() < 1e-4
        assert np.abs(one.boxes_px - other.boxes_px).max() < 0.01


def test_retail_0013_finds_the_people_of_pets(shared: Path) -> None:
    detector = open_detector(shared, "person-det-retail-0013")
    hits, people = matched_in_order(
        detector.detect(pets_frames(shared, 80)), shared / "data/gt/PETS09-S2L1/gt.txt"
    )
    assert average_precision(hits, people) >= 0.75
