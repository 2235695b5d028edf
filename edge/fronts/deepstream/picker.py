"""Which of DeepStream's ReID vectors are worth keeping: as often, and as good, as the crop stage would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.config.pipeline import CropSpec
from edge.records import Crop, Embedding, Tracks
from edge.stages.crop.quality import at_sharpness, quality_range

__all__ = ["Picker"]

_NS_PER_S = 1e9
_FORGET_NS = 60 * 10**9
_SHARPNESS_UNSEEN = 0.5  # no pixels are copied, so nobody has seen how sharp the picture is
_SHORTEST = 1e-9
_NO_PICTURE = np.zeros((0, 0, 3), np.uint8)


@dataclass(slots=True)
class _Taken:
    """What is known of one track: when it came, when it was last taken, its best quality, when last seen."""

    first_ns: int
    seen_ns: int
    taken_ns: int | None = None
    best: float = 0.0


class Picker:
    """Chooses embeddings for all cameras by the numbers of pipeline.yaml's ``crop``; one thread at a time.

    DeepStream embeds every person of every frame, or every so many frames; a tracklet needs some good ones.
    ``crop.per_second`` has no meaning here: the work is done already.

    Args:
        spec: what is good, and how often.
        model: fingerprint of the ReID network.
        dim: length of its vectors.
    """

    def __init__(self, spec: CropSpec, model: str, dim: int) -> None:
        self._spec = spec
        self._model = model
        self._dim = dim
        self._tracks: dict[tuple[str, int], _Taken] = {}
        self._sweep_ns = 0
        self._unusable = 0

    @property
    def unusable(self) -> int:
        """Vectors so far that were of another length, not finite, or zero."""
        return self._unusable

    def pick(self, tracks: Tracks, vectors: Mapping[int, NDArray[np.float32]]) -> tuple[Embedding, ...]:
        """Return the embeddings worth keeping of one frame.

        Args:
            tracks: the frame's people.
            vectors: row of ``tracks`` to its vector, of any length.
        """
        now_ns = tracks.captured_at_ns
        self._forget(now_ns)
        if not vectors:
            return ()
        rows = np.fromiter(vectors, np.intp, len(vectors))
        boxes = tracks.boxes_px[rows]
        least, most = quality_range(boxes, tracks.overlaps[rows], tracks.size_px)
        picked: list[Embedding] = []
        for index, row in enumerate(rows.tolist()):
            if boxes[index, 3] - boxes[index, 1] < self._spec.height_min_px:
                continue
            quality = at_sharpness(float(least[index]), float(most[index]), _SHARPNESS_UNSEEN)
            track = int(tracks.track_ids[row])
            state = self._tracks.setdefault((tracks.camera, track), _Taken(now_ns, now_ns))
            state.seen_ns = now_ns
            if not self._wanted(state, quality, now_ns):
                continue
            unit = self._unit(vectors[row])
            if unit is None:
                continue
            state.taken_ns, state.best = now_ns, max(state.best, quality)
            crop = Crop(tracks.camera, track, tracks.number, now_ns, quality, _NO_PICTURE)
            picked.append(Embedding(crop, unit, self._model))
        return tuple(picked)

    def _wanted(self, state: _Taken, quality: float, now_ns: int) -> bool:
        spec = self._spec
        age_s = (now_ns - (state.first_ns if state.taken_ns is None else state.taken_ns)) / _NS_PER_S
        if age_s >= max(spec.wait_s, spec.refresh_s):
            return True  # no good one for so long: a poor one will do
        if quality < spec.quality_min:
            return False
        if state.taken_ns is None or age_s >= spec.refresh_s:
            return True
        return age_s >= spec.better_s and quality >= spec.better_factor * state.best

    def _unit(self, vector: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """The vector at unit length; None where it has no direction."""
        length = float(np.linalg.norm(vector.astype(np.float64))) if vector.size == self._dim else 0.0
        if not np.isfinite(length) or length < _SHORTEST:
            self._unusable += 1
            return None
        return (vector / length).astype(np.float32)

    def _forget(self, now_ns: int) -> None:
        """Once a minute of event time, let go of tracks that are over."""
        if now_ns < self._sweep_ns:
            return
        self._sweep_ns = now_ns + _FORGET_NS
        self._tracks = {key: one for key, one in self._tracks.items() if now_ns - one.seen_ns < _FORGET_NS}
