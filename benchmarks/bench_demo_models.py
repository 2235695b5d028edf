"""How well the project's own two small networks do, and how fast, beside published ones.

``python benchmarks/bench_demo_models.py`` prints one JSON line:

* ``detector``: of demo-detector, and of yolox-nano-person where its weights are found: ``held_out``, drawn
  scenes of seeds that were not trained on; ``pets``, real people, every fourth frame of a public video.
* ``reid``: of demo-reid, and of reid-retail-0031 where its weights are found: ``held_out``, drawn people of
  seeds that were not trained on, every view another camera, two views ask; ``pets``, crops of that video
  every tenth frame, without people who are covered by more than 0.3; eight seconds count as a camera, and
  a person's first crop in each asks.
* ``ms``: one picture on one thread, network alone, the least and the median of many, all in turns.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge.backends.session import Session
    from edge.config.card import ModelCard
    from edge.evaluate.mot import MotBoxes

CHECKOUT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("EDGE_SHARED") or CHECKOUT.parent / "shared")
VIDEO = SHARED / "data/video/pets09_s2l1_view1_480x360.avi"
TRUTH = SHARED / "data/gt/PETS09-S2L1/gt.txt"
TRUTH_SCALE = 0.625  # the truth is for 768x576
HELD_OUT_SCENES, HELD_OUT_PEOPLE = 20_000_000, 20_000_000_000  # first seeds, as in models/*/train.py
DETECTORS = ("demo-detector", "yolox-nano-person")
EMBEDDERS = ("demo-reid", "reid-retail-0031")


def main() -> int:
    options = argparse.ArgumentParser(description="The project's own small networks beside published ones.")
    options.add_argument("--scenes", type=int, default=300, help="held-out scenes; default: %(default)s")
    options.add_argument("--people", type=int, default=200, help="held-out people; default: %(default)s")
    options.add_argument("--runs", type=int, default=100, help="timed runs of each; default: %(default)s")
    options.add_argument(
        "--cache", type=Path, default=Path("out/drawn"), help="where drawn pictures are kept"
    )
    given = options.parse_args()
    models = SHARED / "data/models"
    os.environ["EDGE_PRETRAINED"] = os.pathsep.join((os.environ.get("EDGE_PRETRAINED", ""), str(models)))

    from edge.cli.held_out import score_crops, score_scenes
    from edge.site.picture_store import draw_crops, draw_scenes

    detectors, embedders = weights_of(DETECTORS), weights_of(EMBEDDERS)
    scenes = draw_scenes(given.cache, HELD_OUT_SCENES, given.scenes)
    people = draw_crops(given.cache, HELD_OUT_PEOPLE, given.people, 8)
    detector: dict[str, object] = {}
    reid: dict[str, object] = {}
    for name, (card, file) in detectors.items():
        detector[name] = {
            "held_out": rounded(score_scenes(file, card, scenes)),
            "pets": pets_people(card, file),
        }
    for name, (card, file) in embedders.items():
        reid[name] = {"held_out": rounded(score_crops(file, card, people)), "pets": pets_probe(card, file)}
    result = {
        "benchmark": "demo_models",
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors",
        "commit": commit(),
        "scenes": given.scenes,
        "people": given.people,
        "detector": detector,
        "reid": reid,
        "ms": {**times(detectors, given.runs), **times(embedders, given.runs)},
    }
    print(json.dumps(result))
    return 0


def weights_of(names: tuple[str, ...]) -> dict[str, tuple[ModelCard, Path]]:
    """Card and file of each model whose weights are here."""
    from edge.config.catalog import load_card
    from edge.config.weights import find_weights
    from edge.errors import ModelError

    found: dict[str, tuple[ModelCard, Path]] = {}
    for name in names:
        card = load_card(name)
        try:
            found[name] = (card, find_weights(card))
        except ModelError as error:
            print(f"left out: {error}", file=sys.stderr)
    return found


def pets_people(card: ModelCard, file: Path) -> dict[str, float] | None:
    """Average precision and best F1 on every fourth frame of the video."""
    import numpy as np

    from edge.cli.held_out import find_people
    from edge.evaluate.detection import PictureBoxes, score_detections

    if not VIDEO.is_file() or not TRUTH.is_file():
        return None
    truth = pets_truth()
    pictures: list[PictureBoxes] = []
    with find_people(file, card, 0.01) as find:
        for number, image in frames(every=4):
            boxes, scores = find(image)
            true = corners(truth, number)
            pictures.append(PictureBoxes(true, np.zeros(len(true), dtype=bool), boxes, scores))
    score = score_detections(pictures)
    return rounded(
        {"ap50": score.ap, "best_f1": score.f1, "score_min": score.score_min, "pictures": len(pictures)}
    )


def pets_probe(card: ModelCard, file: Path) -> dict[str, float] | None:
    """Rank-1 and mAP of people of the video between windows of eight seconds."""
    import numpy as np

    from edge.cli.held_out import describe_crops
    from edge.evaluate.retrieval import Labels, distances_between, score_retrieval

    if not VIDEO.is_file() or not TRUTH.is_file():
        return None
    truth = pets_truth()
    crops: list[NDArray[np.uint8]] = []
    persons: list[int] = []
    windows: list[int] = []
    for number, image in frames(every=10):
        boxes = corners(truth, number)
        ids = truth.ids[truth.frames == number]
        for row in range(len(boxes)):
            left, top = np.maximum(boxes[row, :2].round().astype(int), 0)
            right, bottom = boxes[row, 2:].round().astype(int)
            if covered(boxes, row) <= 0.3 and image[top:bottom, left:right].size:
                crops.append(image[top:bottom, left:right])
                persons.append(int(ids[row]))
                windows.append((number - 1) // 80)
    vectors = describe_crops(file, card, crops)
    labels = list(zip(persons, windows, strict=True))
    asks = np.array([label not in labels[:row] for row, label in enumerate(labels)])
    who, when = np.array(persons), np.array(windows)
    score = score_retrieval(
        distances_between(vectors[asks], vectors[~asks]),
        Labels(who[asks], when[asks]),
        Labels(who[~asks], when[~asks]),
    )
    return rounded(
        {"map": score.map, "rank1": score.rank1, "queries": int(asks.sum()), "gallery": int((~asks).sum())}
    )


def frames(every: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Every so-manieth frame of the video with its number from 1, uint8 (h, w, 3), blue first."""
    import av

    with av.open(str(VIDEO)) as container:
        for number, frame in enumerate(container.decode(video=0), 1):
            if number % every == 1:
                yield number, frame.to_ndarray(format="bgr24")


def pets_truth() -> MotBoxes:
    from edge.evaluate.mot import read_mot

    return read_mot(TRUTH).scaled(TRUTH_SCALE)


def corners(truth: MotBoxes, number: int) -> NDArray[np.float32]:
    """The true boxes of one frame, float32 (n, 4) left, top, right, bottom."""
    import numpy as np

    boxes = truth.boxes_ltwh_px[truth.frames == number].astype(np.float32)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def covered(boxes: NDArray[np.float32], row: int) -> float:
    """Largest share of one box that lies in another."""
    import numpy as np

    others = np.delete(boxes, row, axis=0)
    if not len(others):
        return 0.0
    low, high = np.maximum(others[:, :2], boxes[row, :2]), np.minimum(others[:, 2:], boxes[row, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1).max()
    return float(shared / np.prod(boxes[row, 2:] - boxes[row, :2]))


def times(models: dict[str, tuple[ModelCard, Path]], runs: int) -> dict[str, dict[str, float]]:
    """Milliseconds of one picture on one thread, all networks in turns."""
    import numpy as np

    from edge.backends import open_session

    sessions: dict[str, Session] = {}
    feeds: dict[str, dict[str, NDArray[np.float32]]] = {}
    taken: dict[str, list[float]] = {}
    for name, (card, file) in models.items():
        sessions[name] = open_session(file, backend="onnxruntime", threads=1, card_name=name)
        feeds[name] = {card.input.name: np.full((1, *card.input_shape[1:]), 100.0, np.float32)}
        taken[name] = []
    for _ in range(runs):
        for name, session in sessions.items():
            session.run(feeds[name])  # the caches are another network's
            began = time.perf_counter()
            session.run(feeds[name])
            taken[name].append(1e3 * (time.perf_counter() - began))
    for session in sessions.values():
        session.close()
    return {name: rounded({"least": min(ms), "median": median(ms)}) for name, ms in taken.items()}


def rounded(numbers: dict[str, float]) -> dict[str, float]:
    return {name: round(number, 4) for name, number in numbers.items()}


def commit() -> str:
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
