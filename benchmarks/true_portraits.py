"""What a generator would be worth that knew everybody: portraits of the true people as generated pictures.

The renderer draws each person of a site eight times, from anywhere around, alone and in plain light. Whose a
tracklet is, the truth says. Its portraits are offered with the tracklet, as from a worker that is always done
at once. No generator can be better than that, so it bounds what generated views can bring on a site.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from edge.config.pipeline import PipelineSpec
    from edge.evaluate.mot import MotBoxes
    from edge.evaluate.tracklet_log import TrackletLog
    from edge.records import Tracklet

__all__ = ["with_portraits"]

VIEWS = 8
BOXES_MIN = 10  # of a tracklet that would have been worth a job
IOU_MIN = 0.4
LOOKS_AT = 5  # boxes of a tracklet


def with_portraits(
    log: TrackletLog, preset: str, seed: int, spec: PipelineSpec, truth: Mapping[str, MotBoxes]
) -> TrackletLog:
    """The same log, with portraits of the true person offered with each tracklet's first sending."""
    from edge.evaluate.tracklet_log import Told, TrackletLog
    from edge.records import Arrivals

    drawn = draw_everybody(preset, seed, spec)
    told: list[Told] = []
    done: set[tuple[str, int, int]] = set()
    for one in log.told:
        told.append(one)
        prototypes = []
        for tracklet in one if isinstance(one, tuple) else ():
            key = tracklet.camera, tracklet.track, tracklet.part
            if key in done or tracklet.weight <= 0 or len(tracklet.frames) < BOXES_MIN:
                continue
            who = person_of(tracklet, truth.get(tracklet.camera))
            if who in drawn:
                done.add(key)
                prototypes.append(prototype(tracklet, drawn[who], spec.ipg.eta))
        if prototypes:
            told.append(Arrivals(tuple(prototypes)))
    return TrackletLog(log.cameras, told)


def draw_everybody(preset: str, seed: int, spec: PipelineSpec) -> dict[int, NDArray[np.float32]]:
    """Embeddings of each person's portraits by the live ReID model: id of the truth -> float32 (m, d)."""
    from edge.evaluate.features import open_describer
    from edge.records import Crop
    from edge.site.portraits import random_portrait
    from edge.site.presets import build_site

    drawn = {}
    with open_describer(spec.embed) as describer:
        for number, look in enumerate(build_site(preset, seed=seed).looks):
            crops = [
                Crop("portrait", 0, 0, 0, 1.0, random_portrait(number, view, look=look).image_bgr_hwc)
                for view in range(VIEWS)
            ]
            vectors = [vector for vector in describer.embedder.describe(crops) if vector is not None]
            drawn[number + 1] = np.stack(vectors)
    return drawn


def person_of(tracklet: Tracklet, truth: MotBoxes | None) -> int:
    """Who most of a tracklet's boxes show; 0 when nobody."""
    votes: Counter[int] = Counter()
    for index in range(0, len(tracklet.frames), max(1, len(tracklet.frames) // LOOKS_AT)):
        here = truth.frames == tracklet.frames[index] if truth is not None else np.zeros(0, bool)
        if truth is None or not here.any():
            continue
        boxes = truth.boxes_ltwh_px[here]
        overlaps = iou(tracklet.boxes_px[index], np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]))
        if overlaps.max() > IOU_MIN:
            votes[int(truth.ids[here][overlaps.argmax()])] += 1
    return votes.most_common(1)[0][0] if votes else 0


def iou(box: NDArray[Any], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    shared = np.clip(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0, None)
    inside = shared.prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod()
    found: NDArray[np.float64] = inside / (areas - inside)
    return found


def prototype(tracklet: Tracklet, drawn: NDArray[np.float32], eta: float) -> Any:
    from edge.records import Crop, Prototype

    nothing = np.zeros((0, 0, 3), np.uint8)
    return Prototype(
        identity=0,  # whose it is, its reference shows
        version=1,
        made_at_ns=0,
        real=tracklet.vector,
        generated=drawn,
        eta=eta,
        poses=tuple(str(view) for view in range(len(drawn))),
        rejected=0,
        model=tracklet.model,
        generator="portraits",
        reference=Crop(tracklet.camera, tracklet.track, 0, tracklet.ended_at_ns, 1.0, nothing),
        pictures_bgr_mhwc=nothing[None, :0],
    )
