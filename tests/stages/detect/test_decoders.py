from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from edge.backends import check_ports, open_session
from edge.backends.pictures import InputBatch
from edge.config.card import ModelCard
from edge.config.catalog import load_card
from edge.errors import ModelError
from edge.stages.detect.decoders import DECODERS, decoder_for

MakeCard = Callable[..., ModelCard]

# left, top, right, bottom in pixels of a 640x640 input; score; class
KNOWN = np.array(
    [
        [100, 50, 180, 290, 0.90, 0],
        [300.5, 60.25, 362, 250, 0.80, 0],
        [400, 300, 640, 420, 0.95, 2],  # a car
        [10, 10, 40, 90, 0.20, 0],  # too weak
        [500, 100, 560, 300, 0.25, 0],  # just strong enough
    ],
    dtype=np.float32,
)
PEOPLE = [0, 1, 4]


def centre_and_size(corners: np.ndarray) -> np.ndarray:
    return np.concatenate(((corners[:, :2] + corners[:, 2:]) / 2, corners[:, 2:] - corners[:, :2]), axis=1)


def as_yolov8(known: np.ndarray, boxes: int = 8400, classes: int = 80) -> np.ndarray:
    output = np.zeros((1, 4 + classes, boxes), dtype=np.float32)
    output[0, :4] = 5.0
    places = np.arange(len(known)) * 1000 + 7
    output[0, :4, places] = centre_and_size(known[:, :4])
    output[0, 4 + known[:, 5].astype(int), places] = known[:, 4]
    return output


def as_end2end(known: np.ndarray, boxes: int = 300) -> np.ndarray:
    output = np.zeros((1, boxes, 6), dtype=np.float32)
    output[0, : len(known)] = known
    return output


def as_yolox(known: np.ndarray, width: int = 640, height: int = 640, classes: int = 80) -> np.ndarray:
    """Each box in the cell of its centre, of the stride that suits its number; the score split in two."""
    cells = [
        (stride, x, y)
        for stride in (8, 16, 32)
        for y in range(height // stride)
        for x in range(width // stride)
    ]
    rows = {cell: row for row, cell in enumerate(cells)}
    output = np.zeros((1, len(cells), 5 + classes), dtype=np.float32)
    for number, (box, score, label) in enumerate(zip(known[:, :4], known[:, 4], known[:, 5], strict=True)):
        stride = (8, 16, 32)[number % 3]
        centre = (box[:2] + box[2:]) / 2 / stride
        cell = np.minimum(np.floor(centre), (width // stride - 1, height // stride - 1)).astype(int)
        row = rows[stride, int(cell[0]), int(cell[1])]
        output[0, row, :2] = centre - cell
        output[0, row, 2:4] = np.log((box[2:] - box[:2]) / stride)
        output[0, row, 4] = 1.0
        output[0, row, 5 + int(label)] = score
    return output


@pytest.mark.parametrize(
    ("decoder", "encode", "options"),
    [
        ("yolox", as_yolox, {"class_count": 80}),
        ("yolov8", as_yolov8, {"class_count": 80}),
        ("yolo-end2end", as_end2end, {"class_count": 80}),
    ],
)
def test_known_boxes_come_out_of_a_real_graph(
    decoder: str, encode: Callable, options: dict, make_card: MakeCard, constant_network: Callable
) -> None:
    output = encode(KNOWN)
    card = make_card(decoder, {"output0": output.shape}, options=options, batch=1)
    session = constant_network({"output0": output}, "images", (1, 3, 640, 640))
    check_ports(session, card)
    outputs = session.run({"images": np.zeros((1, 3, 640, 640), dtype=np.float32)})
    found = DECODERS[decoder].decode(outputs, 0, card, 0.25)
    assert found.not_finite == 0
    order = np.argsort(-found.scores)
    assert np.allclose(found.scores[order], KNOWN[PEOPLE, 4])
    assert np.allclose(found.boxes_px[order], KNOWN[PEOPLE, :4], atol=1e-3)


def test_another_class_may_be_the_person(make_card: MakeCard) -> None:
    for decoder, encode in (("yolox", as_yolox), ("yolov8", as_yolov8), ("yolo-end2end", as_end2end)):
        output = encode(KNOWN)
        card = make_card(decoder, {"o": output.shape}, options={"class_count": 80, "person_class": 2})
        found = DECODERS[decoder].decode({"o": output}, 0, card, 0.25)
        assert np.allclose(found.boxes_px, KNOWN[2:3, :4], atol=1e-3)


def test_yolox_grids_are_right_for_wide_inputs(make_card: MakeCard) -> None:
    known = np.array([[500, 20, 600, 180, 0.9, 0], [3, 100, 30, 190, 0.8, 0]], dtype=np.float32)
    output = as_yolox(known, 640, 192, classes=1)
    card = make_card("yolox", {"o": output.shape}, input={"height": 192})
    found = DECODERS["yolox"].decode({"o": output}, 0, card, 0.5)
    assert np.allclose(found.boxes_px[np.argsort(-found.scores)], known[:, :4], atol=1e-3)


@pytest.mark.parametrize("box_format", ["xyxy", "xywh", "cxcywh"])
@pytest.mark.parametrize("box_units", ["pixels", "fraction"])
@pytest.mark.parametrize(
    "layout", ["one output", "scores apart", "scores of classes apart", "one with classes"]
)
def test_boxes_and_scores_in_every_layout(
    box_format: str, box_units: str, layout: str, make_card: MakeCard
) -> None:
    size = np.array([544, 320, 544, 320], dtype=np.float32)
    corners = np.array([[50, 40, 90, 160], [200, 30, 260, 300]], dtype=np.float32)
    boxes = corners / size if box_units == "fraction" else corners.copy()
    if box_format == "cxcywh":
        boxes = centre_and_size(boxes)
    elif box_format == "xywh":
        boxes[:, 2:] -= boxes[:, :2]
    scores = np.array([[0.9, 0.1], [0.6, 0.3]], dtype=np.float32)
    options: dict[str, object] = {"box_format": box_format, "box_units": box_units, "boxes_output": "b"}
    if layout == "one output":
        outputs = {"b": np.concatenate((boxes, scores[:, :1]), axis=1)[None]}
    elif layout == "one with classes":
        options["class_count"] = 2
        outputs = {"b": np.concatenate((boxes, scores), axis=1)[None]}
    elif layout == "scores apart":
        options["scores_output"] = "s"
        outputs = {"b": boxes[None], "s": scores[None, :, 0]}
    else:
        options |= {"scores_output": "s", "class_count": 2}
        outputs = {"b": boxes[None], "s": scores[None]}
    before = {name: array.copy() for name, array in outputs.items()}
    shapes = {name: array.shape for name, array in outputs.items()}
    card = make_card("boxes-scores", shapes, options=options, input={"width": 544, "height": 320})
    found = decoder_for(card).decode(outputs, 0, card, 0.25)
    assert np.allclose(found.boxes_px, corners, atol=1e-3)
    assert np.allclose(found.scores, [0.9, 0.6])
    assert all(np.array_equal(outputs[name], before[name]) for name in outputs)  # decoding reads only


@pytest.mark.parametrize("decoder", list(DECODERS))
def test_what_is_not_finite_is_dropped_and_counted(decoder: str, make_card: MakeCard) -> None:
    encode = {"yolox": as_yolox, "yolov8": as_yolov8}.get(decoder, as_end2end)
    output = encode(KNOWN)
    options = {"class_count": 80}
    if decoder == "boxes-scores":
        output, options = output[:, :, :5], {"class_count": 1}
    card = make_card(decoder, {"o": output.shape}, options=options)
    clean = DECODERS[decoder].decode({"o": output}, 0, card, 0.25)
    table = output[0].T if decoder == "yolov8" else output[0]
    strong = np.flatnonzero(table[:, 5 if decoder == "yolox" else 4] >= 0.25)
    weak = np.flatnonzero(table[:, 4] < 0.25)[0]
    table[strong[0], 2] = np.nan
    table[strong[1], 4] = np.inf
    table[weak, 4] = np.nan
    found = DECODERS[decoder].decode({"o": output}, 0, card, 0.25)
    assert found.not_finite == 3
    assert len(found.scores) == len(clean.scores) - 2
    assert np.isfinite(found.boxes_px).all()


def test_an_exponent_that_overflows_is_no_box(make_card: MakeCard) -> None:
    output = as_yolox(KNOWN)
    row = int(np.flatnonzero(output[0, :, 5] >= 0.25)[0])
    output[0, row, 2] = 1000.0
    card = make_card("yolox", {"o": output.shape}, options={"class_count": 80})
    found = DECODERS["yolox"].decode({"o": output}, 0, card, 0.25)
    assert (found.not_finite, len(found.scores)) == (1, 2)


def test_an_unreadable_class_is_counted_not_guessed(make_card: MakeCard) -> None:
    output = as_end2end(KNOWN)
    output[0, 0, 5] = np.nan
    card = make_card("yolo-end2end", {"o": output.shape}, options={"class_count": 80})
    found = DECODERS["yolo-end2end"].decode({"o": output}, 0, card, 0.25)
    assert (found.not_finite, len(found.scores)) == (1, 2)


def test_boxes_without_an_area_are_dropped(make_card: MakeCard) -> None:
    output = np.array([[[10, 10, 10, 50, 0.9], [30, 30, 20, 50, 0.9], [1, 1, 9, 9, 1.5]]], dtype=np.float32)
    card = make_card("boxes-scores", {"o": output.shape})
    found = DECODERS["boxes-scores"].decode({"o": output}, 0, card, 0.25)
    assert found.boxes_px.tolist() == [[1, 1, 9, 9]]
    assert found.scores.tolist() == [1.0]


def test_half_precision_outputs_are_read(make_card: MakeCard) -> None:
    output = as_yolov8(KNOWN).astype(np.float16)
    card = make_card("yolov8", {"o": output.shape}, options={"class_count": 80})
    found = DECODERS["yolov8"].decode({"o": output}, 0, card, 0.24)
    assert found.boxes_px.dtype == found.scores.dtype == np.float32
    assert np.allclose(found.boxes_px, KNOWN[PEOPLE, :4], atol=0.3)


@pytest.mark.parametrize("decoder", list(DECODERS))
def test_a_shape_the_decoder_cannot_read_names_both_shapes(decoder: str, make_card: MakeCard) -> None:
    card = make_card(decoder, {"o": (1, 7, 9)}, options={"class_count": 80})
    with pytest.raises(ModelError, match=r"'test-net': output 'o' has shape \[1, 7, 9\].*\[batch, "):
        DECODERS[decoder].decode({"o": np.zeros((1, 7, 9), dtype=np.float32)}, 0, card, 0.25)


def test_an_embedding_model_is_not_taken_for_a_detector() -> None:
    with pytest.raises(ModelError, match=r"'reid-retail-0031'.*finds no people"):
        decoder_for(load_card("reid-retail-0031"))


def test_raw_yolox_equals_the_graph_with_decoding_built_in(shared: Path) -> None:
    raw_card, built_in_card = load_card("yolox-nano"), load_card("yolox-nano-person")
    raw = open_session(shared / "data/models" / raw_card.file)
    built_in = open_session(shared / "data/models" / built_in_card.file)
    batch = InputBatch(raw_card.input, 1)
    with av.open(str(shared / "data/video/pets09_s2l1_view1_480x360.avi")) as video:
        for number, frame in enumerate(video.decode(video=0)):
            if number % 40:
                continue
            batch.write(0, frame.to_ndarray(format="bgr24"))
            feeds = {"images": batch.view(1)}
            ours = decoder_for(raw_card).decode(raw.run(feeds), 0, raw_card, 0.0)
            theirs = built_in.run(feeds)["dets"][0]
            assert len(ours.scores) == len(theirs) == 3549
            assert np.abs(ours.scores - theirs[:, 4]).max() < 1e-5
            assert np.abs(ours.boxes_px - theirs[:, :4]).max() < 2e-3
