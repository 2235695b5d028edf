from __future__ import annotations

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from edge.config.card import ModelCard

DETECTOR: dict[str, Any] = {
    "name": "my-detector",
    "task": "detect",
    "file": "my_detector.onnx",
    "bytes": 1000,
    "sha256": "ab" * 32,
    "licence": "MIT",
    "origin": "a test",
    "input": {
        "name": "images",
        "width": 416,
        "height": 320,
        "resize": "letterbox",
        "colour": "rgb",
        "scale": 0.5,
        "mean": [0.1, 0.2, 0.3],
        "std": [1, 2, 3],
    },
    "outputs": {"boxes": [None, 100, 4], "scores": [None, 100]},
    "decoder": "boxes-scores",
    "decoder_options": {"boxes_output": "boxes", "scores_output": "scores", "box_units": "fraction"},
    "score_min": 0.1,
    "nms_iou": 0.5,
}
EMBEDDER: dict[str, Any] = {
    "name": "my-embedder",
    "task": "embed",
    "file": "my_embedder.onnx",
    "bytes": 1000,
    "sha256": "cd" * 32,
    "licence": "MIT",
    "origin": "a test",
    "input": {"name": "data", "width": 64, "height": 128, "resize": "stretch", "colour": "bgr"},
    "outputs": {"embedding": [None, 256]},
    "batch": 4,
    "decoder": "embedding",
    "dim": 256,
}


def changed(base: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """A deep copy with the value at a dotted place replaced; a value of ``...`` removes it."""
    content = copy.deepcopy(base)
    *parents, last = place.split(".")
    target = content
    for parent in parents:
        target = target[parent]
    if value is ...:
        del target[last]
    else:
        target[last] = value
    return content


def test_a_detector_card_tells_shape_outputs_and_fingerprint() -> None:
    card = ModelCard.model_validate(DETECTOR)
    assert card.input_shape == (None, 3, 320, 416)
    assert card.outputs == {"boxes": (None, 100, 4), "scores": (None, 100)}
    assert card.boxes_output == "boxes"
    assert card.fingerprint == "my-detector@abababababab"
    assert card.input.std == (1.0, 2.0, 3.0)


def test_an_embedder_card_needs_little() -> None:
    card = ModelCard.model_validate(EMBEDDER)
    assert card.input_shape == (4, 3, 128, 64)
    assert card.boxes_output == "embedding"
    assert (card.input.scale, card.input.mean, card.input.std) == (1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    assert (card.url, card.dim, card.metrics) == (None, 256, {})


def test_a_card_cannot_be_changed() -> None:
    card = ModelCard.model_validate(EMBEDDER)
    with pytest.raises(ValidationError, match="frozen"):
        card.file = "other.onnx"  # type: ignore[misc]


@pytest.mark.parametrize(
    "file",
    [
        "../secret.onnx",
        "/etc/passwd",
        "folder/net.onnx",
        "folder\\net.onnx",
        "C:net.onnx",
        "..",
        ".",
        ".hidden",
        "",
        "net.onnx\n",
        "net\0.onnx",
        "-rf",
        "nét.onnx",
    ],
)
def test_a_file_that_is_not_a_plain_name_is_refused(file: str) -> None:
    with pytest.raises(ValidationError, match="plain file name"):
        ModelCard.model_validate(changed(DETECTOR, "file", file))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("name", "My Net", "lower-case"),
        ("name", "../net", "lower-case"),
        ("name", "net\n", "lower-case"),
        ("task", "dream", "detect"),
        ("bytes", 0, "greater than 0"),
        ("sha256", "AB" * 32, "64 lower-case hexadecimal"),
        ("sha256", "ab" * 31, "64 lower-case hexadecimal"),
        ("licence", "", "at least 1"),
        ("origin", ..., "required"),
        ("url", "ftp://host/net.onnx", "http"),
        ("url", "https://host", "http"),
        ("url", "https://me:secret@host/net.onnx", "without user and password"),
        ("url", "../net.onnx", "http"),
        ("extra", 1, "not permitted"),
        ("input.colour", "grey", "bgr"),
        ("input.resize", "crop", "letterbox"),
        ("input.width", 0, "greater than 0"),
        ("input.width", 1_000_000, "less than or equal"),
        ("input.pad", 256, "less than or equal to 255"),
        ("input.scale", 0, "greater than 0"),
        ("input.scale", float("nan"), "finite"),
        ("input.mean", [1, 2], "required|at least 3"),
        ("input.std", [1, 0, 1], "more than 0"),
        ("input.dtype", "int4", "float32"),
        ("outputs", {}, "at least 1"),
        ("outputs.scores", [-1, 100], "greater than 0"),
        ("batch", 0, "greater than 0"),
        ("decoder", "embedding", "needs one of these decoders: yolox, yolov8, yolo-end2end, boxes-scores"),
        ("decoder_options.boxes_output", "frames", "'frames' is not among outputs"),
        ("decoder_options.scores_output", "marks", "'marks' is not among outputs"),
        ("decoder_options.boxes_output", None, "which of the outputs has the boxes"),
        ("decoder_options.strides", [], "at least 1"),
        ("decoder_options.person_class", 1, "below class_count"),
        ("decoder_options.iou", 0.5, "not permitted"),
        ("score_min", ..., "needs score_min and nms_iou"),
        ("nms_iou", None, "needs score_min and nms_iou"),
        ("score_min", 1.5, "less than or equal to 1"),
    ],
)
def test_a_wrong_detector_card_is_refused(place: str, value: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelCard.model_validate(changed(DETECTOR, place, value))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("decoder", "yolox", "needs one of these decoders: embedding"),
        ("dim", ..., "needs dim"),
        ("dim", 128, r"last dimension must be dim \(128\)"),
        ("outputs", {"a": [None, 256], "b": [None, 256]}, "exactly one output"),
        ("outputs", {"a": []}, "last dimension"),
    ],
)
def test_a_wrong_embedder_card_is_refused(place: str, value: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelCard.model_validate(changed(EMBEDDER, place, value))


def test_torch_weights_may_have_no_digest_and_graphs_must() -> None:
    unknown = changed(changed(EMBEDDER, "sha256", None), "bytes", None)
    card = ModelCard.model_validate(changed(unknown, "file", "net.pth"))
    assert card.fingerprint == "my-embedder@unknown"
    with pytest.raises(ValidationError, match="only for torch weights that have no url"):
        ModelCard.model_validate(unknown)
    with pytest.raises(ValidationError, match="both known or both null"):
        ModelCard.model_validate(changed(EMBEDDER, "sha256", None))


def test_a_generators_card_needs_neither_dim_nor_scores_but_the_decoder_of_pictures() -> None:
    card = {key: value for key, value in EMBEDDER.items() if key != "dim"} | {
        "task": "generate",
        "decoder": "pictures",
        "outputs": {"pictures": [None, 16, 8, 3]},
    }
    assert ModelCard.model_validate(card).task == "generate"
    with pytest.raises(ValidationError, match="task 'generate' needs one of these decoders: pictures"):
        ModelCard.model_validate(card | {"decoder": "embedding"})
