"""Scores of the project's own small networks on pictures they have not seen, by the pipeline's stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge.config.card import ModelCard
    from edge.site.picture_store import CropSet, SceneSet

__all__ = ["VISIBLE_MIN", "describe_crops", "find_people", "score_crops", "score_scenes"]

VISIBLE_MIN = 0.35  # less of somebody is to be seen: no mistake to find them or not
HEIGHT_MIN_PX = 20.0  # of 360: smaller people may be missed
Find = Callable[["NDArray[np.uint8]"], tuple["NDArray[np.float32]", "NDArray[np.float32]"]]


@contextmanager
def find_people(weights: Path, card: ModelCard, score_min: float | None = None) -> Iterator[Find]:
    """A detector as the pipeline runs it: from a picture to boxes and scores.

    Args:
        weights: the file, which need not be the one of the card.
        card: how it is read.
        score_min: least score; the card's when None.
    """
    from edge.backends import check_ports, open_session
    from edge.records import Frame
    from edge.stages.detect import Detector

    session = open_session(weights, backend="onnxruntime", card_name=card.name)
    try:
        check_ports(session, card)
        detector = Detector(card, session, score_min)

        def find(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            found = detector.detect([Frame("held-out", 1, 0, 0.0, 0, image)])[0]
            return found.boxes_px, found.scores

        yield find
    finally:
        session.close()


def score_scenes(weights: Path, card: ModelCard, scenes: SceneSet) -> dict[str, float]:
    """How well a detector finds the people of drawn scenes.

    Args:
        weights: the file, which need not be the one of the card.
        card: how it is read.
        scenes: pictures with truth.

    Returns:
        ``ap50``, ``best_f1`` and where that is.
    """
    from edge.evaluate.detection import PictureBoxes, score_detections

    pictures: list[PictureBoxes] = []
    with find_people(weights, card, 0.01) as find:
        for image, truth in zip(scenes.images_bgr_nhwc, scenes.truths, strict=True):
            boxes, scores = find(image)
            tall = truth.boxes_px[:, 3] - truth.boxes_px[:, 1]
            ignored = (truth.visible < VISIBLE_MIN) | (tall < HEIGHT_MIN_PX)
            pictures.append(PictureBoxes(truth.boxes_px, ignored, boxes, scores))
    score = score_detections(pictures)
    return {
        "ap50": score.ap,
        "best_f1": score.f1,
        "best_f1_score_min": score.score_min,
        "best_f1_precision": score.precision,
        "best_f1_recall": score.recall,
    }


def score_crops(weights: Path, card: ModelCard, crops: CropSet, queries: int = 2) -> dict[str, float]:
    """How well a ReID network finds people again; each view counts as another camera.

    Args:
        weights: the file, which need not be the one of the card.
        card: how it is read.
        crops: several views of each person; the first ``queries`` of them ask, the others answer.
        queries: how many.

    Returns:
        ``map``, ``rank1``, ``rank5`` and ``id2``.
    """
    import numpy as np

    from edge.centralize import identity_density
    from edge.evaluate.retrieval import Labels, distances_between, score_retrieval

    people, views = crops.images_bgr_pvhwc.shape[:2]
    flat = crops.images_bgr_pvhwc.reshape(-1, *crops.images_bgr_pvhwc.shape[2:])
    vectors = describe_crops(weights, card, list(flat))
    persons = np.repeat(np.arange(1, people + 1), views)
    cameras = np.tile(np.arange(views), people)
    asks = cameras < queries
    score = score_retrieval(
        distances_between(vectors[asks], vectors[~asks]),
        Labels(persons[asks], cameras[asks]),
        Labels(persons[~asks], cameras[~asks]),
    )
    density = float(identity_density(vectors, persons).mean())
    return {"map": score.map, "rank1": score.rank1, "rank5": score.rank5, "id2": density}


def describe_crops(
    weights: Path, card: ModelCard, images: Sequence[NDArray[np.uint8]]
) -> NDArray[np.float32]:
    """A unit vector for each picture, float32 (n, dim), by the pipeline's embed stage.

    Args:
        weights: the file, which need not be the one of the card.
        card: how it is read.
        images: uint8 (h, w, 3), blue first, of any sizes.
    """
    import numpy as np

    from edge.backends import check_ports, open_session
    from edge.config.pipeline import EmbedSpec
    from edge.records import Crop, CroppedFrame, Tracks
    from edge.stages.embed import Embedder

    none = np.empty(0, np.float32)
    nobody = Tracks("held-out", 1, 0, (0, 0), np.empty(0, np.int64), none.reshape(0, 4), none, none)
    session = open_session(weights, backend="onnxruntime", card_name=card.name)
    try:
        check_ports(session, card)
        embedder = Embedder(card, session, EmbedSpec(model=card.name))
        crops = tuple(Crop("held-out", 1, 1, 0, 1.0, image) for image in images)
        [described] = embedder.embed([CroppedFrame(nobody, crops)])
    finally:
        session.close()
    return np.stack([embedding.vector for embedding in described.embeddings])
