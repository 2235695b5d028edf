"""The compiled box parser finds what the Python decoders find, for every decoder a card can name."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.config.card import ModelCard
from edge.errors import StartError
from edge.fronts.deepstream.parser import build_parser, parser_files
from edge.stages.detect.decoders import decoder_for

INCLUDE = Path(__file__).parent / "include"
WIDTH, HEIGHT = 64, 32
MOST = 500

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="no g++ here")


def card(decoder: str, outputs: dict[str, list[int | None]], **options: object) -> ModelCard:
    return ModelCard.model_validate(
        {
            "name": "probe",
            "task": "detect",
            "file": "probe.onnx",
            "bytes": 1,
            "sha256": "0" * 64,
            "licence": "x",
            "origin": "x",
            "input": {"name": "in", "width": WIDTH, "height": HEIGHT, "resize": "stretch", "colour": "bgr"},
            "outputs": outputs,
            "decoder": decoder,
            "decoder_options": options,
            "score_min": 0.3,
            "nms_iou": 0.5,
        }
    )


def people(
    rng: np.random.Generator, count: int, *, units: tuple[float, float] = (1, 1)
) -> NDArray[np.float32]:
    """Corners of boxes inside the picture."""
    low = rng.uniform((0, 0), (WIDTH * 0.6, HEIGHT * 0.6), (count, 2))
    high = low + rng.uniform((2, 3), (WIDTH * 0.3, HEIGHT * 0.3), (count, 2))
    scale = np.array(units * 2)
    return (np.concatenate((low, high), axis=1) / scale).astype(np.float32)


def yolox(rng: np.random.Generator) -> tuple[ModelCard, dict[str, NDArray[np.float32]]]:
    cells = sum((WIDTH // stride) * (HEIGHT // stride) for stride in (8, 16))
    table = rng.uniform(-1, 1, (cells, 7)).astype(np.float32)
    table[:, 4:] = rng.uniform(0, 1, (cells, 3))
    options = {"strides": (8, 16), "class_count": 2, "person_class": 1}
    return card("yolox", {"out": [None, cells, 7]}, **options), {"out": table}


def yolov8(rng: np.random.Generator) -> tuple[ModelCard, dict[str, NDArray[np.float32]]]:
    corners = people(rng, 40)
    table = np.empty((6, 40), np.float32)
    table[:2] = (corners[:, :2] + corners[:, 2:]).T / 2
    table[2:4] = (corners[:, 2:] - corners[:, :2]).T
    table[4:] = rng.uniform(0, 1, (2, 40))
    return card("yolov8", {"out": [None, 6, 40]}, class_count=2), {"out": table}


def end_to_end(rng: np.random.Generator) -> tuple[ModelCard, dict[str, NDArray[np.float32]]]:
    table = np.concatenate(
        (people(rng, 30), rng.uniform(0, 1, (30, 1)), rng.integers(0, 2, (30, 1))), axis=1
    ).astype(np.float32)
    return card("yolo-end2end", {"out": [None, 30, 6]}, class_count=2), {"out": table}


def one_output(rng: np.random.Generator) -> tuple[ModelCard, dict[str, NDArray[np.float32]]]:
    table = np.concatenate((people(rng, 30), rng.uniform(0, 1, (30, 1))), axis=1).astype(np.float32)
    table[3] = np.nan
    return card("boxes-scores", {"dets": [None, 30, 5]}), {"dets": table}


def two_outputs(rng: np.random.Generator) -> tuple[ModelCard, dict[str, NDArray[np.float32]]]:
    outputs = {
        "boxes": people(rng, 30, units=(WIDTH, HEIGHT)),
        "scores": rng.uniform(0, 1, 30).astype(np.float32),
    }
    options = {"boxes_output": "boxes", "scores_output": "scores", "box_units": "fraction"}
    return card("boxes-scores", {"boxes": [None, 30, 4], "scores": [None, 30]}, **options), outputs


def sized_boxes(rng: np.random.Generator) -> tuple[ModelCard, dict[str, NDArray[np.float32]]]:
    corners = people(rng, 20)
    corners[:, 2:] -= corners[:, :2]
    outputs = {"boxes": corners, "scores": rng.uniform(0, 1, (20, 3)).astype(np.float32)}
    options = {
        "boxes_output": "boxes",
        "scores_output": "scores",
        "box_format": "xywh",
        "class_count": 3,
        "person_class": 2,
    }
    return card("boxes-scores", {"boxes": [None, 20, 4], "scores": [None, 20, 3]}, **options), outputs


def compile_parser(one: ModelCard, folder: Path) -> ctypes.CDLL:
    for name, text in parser_files(one, 0.3).items():
        (folder / name).write_text(text)
    library = folder / "driver.so"
    command = ["g++", "-std=c++17", "-O0", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", f"-I{INCLUDE}"]
    command += [f"-I{folder}", "-o", str(library), str(INCLUDE / "drive_parser.cpp")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(library))


def parse(
    library: ctypes.CDLL,
    outputs: dict[str, NDArray[np.float32]],
    *,
    half: bool = False,
    threshold: float = 0.3,
) -> NDArray[np.float32] | None:
    """Corners and score of each box the library finds; None where it refuses."""
    arrays = [np.ascontiguousarray(one, np.float16 if half else np.float32) for one in outputs.values()]
    dims = np.zeros((len(arrays), 4), np.uint32)
    for row, array in enumerate(arrays):
        dims[row, : 1 + array.ndim] = (array.ndim, *array.shape)
    names = (ctypes.c_char_p * len(arrays))(*(name.encode() for name in outputs))
    buffers = (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
    halves = (ctypes.c_int * len(arrays))(*([int(half)] * len(arrays)))
    found = np.zeros((MOST, 5), np.float32)
    count = library.drive(
        len(arrays),
        names,
        buffers,
        dims.ctypes.data_as(ctypes.c_void_p),
        halves,
        WIDTH,
        HEIGHT,
        ctypes.c_float(threshold),
        found.ctypes.data_as(ctypes.c_void_p),
        MOST,
    )
    return None if count < 0 else found[:count]


def inside(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the Python decoder found, clipped to the picture as nvinfer wants it."""
    clipped = np.clip(boxes, 0, np.array((WIDTH, HEIGHT) * 2, np.float32))
    kept = ((clipped[:, 2:] - clipped[:, :2]) > 0).all(axis=1)
    return np.concatenate((clipped, scores[:, None]), axis=1)[kept]


@needs_compiler
@pytest.mark.parametrize(
    "network", [yolox, yolov8, end_to_end, one_output, two_outputs, sized_boxes], ids=lambda one: one.__name__
)
def test_the_compiled_parser_finds_what_the_python_decoder_finds(network: object, tmp_path: Path) -> None:
    one, outputs = network(np.random.default_rng(3))  # type: ignore[operator]
    expected = decoder_for(one).decode({name: array[None] for name, array in outputs.items()}, 0, one, 0.3)
    found = parse(compile_parser(one, tmp_path), outputs)
    assert found is not None
    assert 3 < len(found) < MOST
    np.testing.assert_allclose(found, inside(expected.boxes_px, expected.scores), atol=2e-4)


@needs_compiler
def test_half_precision_outputs_are_read_and_a_wrong_engine_is_refused(tmp_path: Path) -> None:
    one, outputs = one_output(np.random.default_rng(4))
    library = compile_parser(one, tmp_path)
    exact, coarse = parse(library, outputs, threshold=0.5), parse(library, outputs, half=True, threshold=0.5)
    assert exact is not None
    assert coarse is not None
    np.testing.assert_allclose(coarse, exact, atol=0.05)
    assert parse(library, {"other": outputs["dets"]}) is None
    assert parse(library, {"dets": outputs["dets"][:, :4]}) is None


@needs_compiler
def test_a_set_is_compiled_by_its_makefile_and_says_what_is_missing_without_headers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "parser"
    folder.mkdir()
    for name, text in parser_files(one_output(np.random.default_rng(0))[0], 0.3).items():
        (folder / name).write_text(text)
    with pytest.raises(StartError, match=r"nvdsinfer_custom_impl\.h.*triton-multiarch"):
        build_parser(tmp_path)
    headers = tmp_path / "deepstream" / "sources" / "includes"
    headers.mkdir(parents=True)
    shutil.copy(INCLUDE / "nvdsinfer_custom_impl.h", headers)
    monkeypatch.setenv("DEEPSTREAM", str(tmp_path / "deepstream"))
    assert ctypes.CDLL(str(build_parser(tmp_path))).EdgeParsePeople
