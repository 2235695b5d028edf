"""The feature space of a site: camera means removed, the noise within a person made equal.

Two label-free corrections, both learnt from what the cameras themselves see:

* Each camera's mean embedding is removed, so that light, colour cast and background of a camera
  count for nothing (measured: docs/decisions.md).
* The scatter of embeddings *within* a tracklet is noise by definition (pose, blur, step), so the
  space is whitened by it: directions in which one person varies anyway count for less. This is the
  within-class half of linear discriminant analysis with tracklets as classes.

Both are shrunk towards doing nothing while little has been seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.centralize.camera_mean import RunningCameraMean

__all__ = ["GENERATED", "FeatureSpace", "FrozenSpace"]

GENERATED = "\0generated"  # the camera that generated pictures come from; no real one is called so

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FrozenSpace:
    """What a :class:`FeatureSpace` knew at one moment; features mapped by it can be compared.

    means: what is removed from each camera's embeddings, float64 (d,); empty where nothing is.
    elsewhere: the same for a camera nothing was seen of; None where nothing is removed.
    matrix: float64 (d, d), evens out how one person's embeddings vary; None leaves them as they are.
    trust: how well the mean of generated pictures is known, 0 to 1.
    """

    means: Mapping[str, NDArray[np.float64]]
    elsewhere: NDArray[np.float64] | None
    matrix: Matrix | None
    trust: float = 1.0

    def transform(self, vectors: NDArray[np.float32], cameras: Sequence[str]) -> NDArray[np.float64]:
        """Map embeddings into the corrected space.

        Args:
            vectors: float32 (n, d), unit length.
            cameras: n camera names.

        Returns:
            float64 (n, d), unit length (a zero row stays zero).
        """
        rows = vectors.astype(np.float64)
        if len(rows) == 0:
            return rows
        if self.elsewhere is not None:
            rows = rows - np.stack([self.means.get(camera, self.elsewhere) for camera in cameras])
        if self.matrix is not None:
            rows = rows @ self.matrix
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.maximum(norms, 1e-12))

    def drift(self, earlier: FrozenSpace) -> float:
        """How far means moved since: the largest distance of any camera's; infinite for another map."""
        if self.matrix is not earlier.matrix or (self.elsewhere is None) != (earlier.elsewhere is None):
            return math.inf
        if self.elsewhere is None or earlier.elsewhere is None:
            return 0.0
        moved = [self.elsewhere - earlier.elsewhere]
        moved += [mean - earlier.means.get(camera, earlier.elsewhere) for camera, mean in self.means.items()]
        return max(float(np.linalg.norm(step)) for step in moved)


class FeatureSpace:
    """Learns from tracklets, and maps embeddings into the corrected space.

    Memory: one mean per camera and one matrix (d, d); nothing grows with time. Not thread-safe.

    Args:
        remove_camera_mean: False keeps the means in.
        whiten: False leaves the scatter as it is.
        shrinkage: share of the mean variance added to every direction; 0 is full whitening.
        prior_ratio: the scatter counts half when so many times its dimensions have been seen.
        prior_tracks: a camera's mean counts half when so many people have been seen in it.
        memory_embeddings: from this many embeddings on, old ones are slowly forgotten.
    """

    def __init__(
        self,
        *,
        remove_camera_mean: bool = True,
        whiten: bool = True,
        shrinkage: float = 1.0,
        prior_ratio: float = 2.0,
        prior_tracks: float = 4.0,
        memory_embeddings: float = 20_000.0,
    ) -> None:
        self._remove = remove_camera_mean
        self._whiten = whiten
        self._shrinkage = shrinkage
        self._prior_ratio = prior_ratio
        self._memory = memory_embeddings
        self._means = RunningCameraMean(prior=prior_tracks, memory=memory_embeddings)
        self._prior_tracks = prior_tracks
        self._generated: NDArray[np.float64] | None = None
        self._generated_weight = self._drawn = 0.0
        self._scatter: Matrix | None = None
        self._freedom = 0.0
        self._map: Matrix | None = None
        self._map_freedom = 0.0
        self._since_map = 0.0

    def learn(self, camera: str, vectors: NDArray[np.float32], *, new_track: bool) -> None:
        """Take in the embeddings of one closed tracklet.

        Args:
            camera: where it was seen.
            vectors: float32 (m, d), unit length.
            new_track: True when it is the first piece of its track.
        """
        if vectors.ndim != 2 or len(vectors) == 0:
            return
        rows = vectors.astype(np.float64)
        self._means.add(camera, rows, people=int(new_track))
        if self._whiten and len(rows) > 1:
            decay = (1.0 - 1.0 / self._memory) ** len(rows)
            apart = rows - rows.mean(axis=0)
            scatter = apart.T @ apart
            self._scatter = scatter if self._scatter is None else self._scatter * decay + scatter
            self._freedom = self._freedom * decay + len(rows) - 1
            self._since_map += len(rows) - 1

    def learn_generated(self, vectors: NDArray[np.float32]) -> None:
        """Take in embeddings of generated pictures of one more person.

        Generators have a look of their own, as cameras have: their pictures' mean is removed from them. How
        one person's embeddings vary is not learnt from them.

        Args:
            vectors: float32 (m, d), unit length.
        """
        if len(vectors) == 0:
            return
        decay = (1.0 - 1.0 / self._memory) ** len(vectors)
        total = vectors.sum(axis=0, dtype=np.float64)
        self._generated = total if self._generated is None else self._generated * decay + total
        self._generated_weight = self._generated_weight * decay + len(vectors)
        self._drawn += 1.0

    def count_people(self, camera: str, people: int) -> None:
        """Say how many people a camera has seen, as far as is known.

        Without it each track counts as a person, and one person whose track keeps breaking would
        become the camera's mean, which leaves nothing of that person but noise.
        """
        self._means.count_people(camera, people)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What was learnt, for :meth:`restore`: arrays by name. The scatter is float32, which is enough."""
        state = self._means.state()
        if self._scatter is not None:
            state |= {"scatter": self._scatter.astype(np.float32), "freedom": np.array(self._freedom)}
        return state

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on with what another space has learnt; in place of what was learnt here."""
        self._means.restore(state)
        self._map = self._scatter = None
        if "scatter" in state:
            self._scatter = np.array(state["scatter"], dtype=np.float64)
            self._freedom = float(state["freedom"])

    def freeze(self) -> FrozenSpace:
        """The space as it is now. What is learnt later does not change it."""
        known = [str(camera) for camera in self._means.cameras] if self._remove else []
        means = {camera: self._means.mean(camera) for camera in known}
        elsewhere = self._means.mean(None) if known else None
        trust = 0.0 if self._remove else 1.0
        if elsewhere is not None and self._generated is not None:
            people = self._means.people
            trust = self._drawn / (self._drawn + self._prior_tracks)
            own = self._generated / self._generated_weight * (people / (people + self._prior_tracks))
            means[GENERATED] = trust * own + (1.0 - trust) * elsewhere
        return FrozenSpace(means=means, elsewhere=elsewhere, matrix=self._whitening(), trust=trust)

    def transform(self, vectors: NDArray[np.float32], cameras: Sequence[str]) -> NDArray[np.float64]:
        """Map embeddings into the corrected space as it is now; see :meth:`FrozenSpace.transform`."""
        return self.freeze().transform(vectors, cameras)

    def _whitening(self) -> Matrix | None:
        """The map W^(-1/2) up to a rotation; made anew when a quarter more has been seen."""
        if self._scatter is None or self._freedom < 1:
            return None
        if self._map is None or self._since_map > 0.25 * self._map_freedom:
            size = len(self._scatter)
            trust = self._freedom / (self._freedom + self._prior_ratio * size)
            within = self._scatter / self._freedom
            level = max(float(np.trace(within)) / size, 1e-12)
            even = self._shrinkage + (1.0 - trust)
            lower = np.linalg.cholesky(trust * within + even * level * np.eye(size))
            self._map = np.linalg.inv(lower).T
            self._map_freedom = self._freedom
            self._since_map = 0.0
        return self._map
