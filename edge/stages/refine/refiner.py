"""The window's features: corrected, centralized, and compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.centralize import FeatureSpace, neighbor_centralize
from edge.config.pipeline import RefineSpec
from edge.records import Tracklet

__all__ = ["Refiner"]


class Refiner:
    """Keeps the feature space and centralizes what is in the window.

    This is the batch form: :meth:`similarity` computes the whole window each time it is asked.

    Args:
        spec: which corrections are made, and how many neighbours are added.
    """

    def __init__(self, spec: RefineSpec) -> None:
        self._spec = spec
        self._space = FeatureSpace(
            remove_camera_mean=spec.camera_mean, whiten=spec.whiten, shrinkage=spec.shrinkage
        )

    @property
    def version(self) -> tuple[float, float]:
        """Changes when features asked for again would come out noticeably different."""
        return self._space.version

    def learn(self, tracklet: Tracklet) -> None:
        """Take in a closed tracklet: its camera's mean, and how much one person's embeddings vary."""
        self._space.learn(tracklet.camera, tracklet.vectors, new_track=tracklet.part == 0)

    def count_people(self, camera: str, people: int) -> None:
        """Say how many people a camera has seen; its mean is trusted the more, the more there are."""
        self._space.count_people(camera, people)

    def features(self, vectors: NDArray[np.float32], cameras: Sequence[str]) -> NDArray[np.float64]:
        """Embeddings in the corrected space.

        Args:
            vectors: float32 (n, d), unit length.
            cameras: n camera names.

        Returns:
            float64 (n, d), unit length.
        """
        return self._space.transform(vectors, cameras)

    def similarity(
        self, features: NDArray[np.float64], cameras: Sequence[str], possible: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Similarity of all pairs: half plain cosine, half cosine after centralization.

        Neighbours come from other cameras where there are two or more, since a tracklet is already
        a mean over its own camera and lacks the others' view. Where there is one, they come from
        that one, and fewer of them. A pair that cannot be one person is never a pair of neighbours.
        Where there are few candidates the centralized half counts less, down to nothing. Pairs of two
        cameras get ``across_cameras`` on top of their cosine, since what is alike in one camera for being
        seen from one side, in one light, is no evidence, and is missing across cameras.

        Args:
            features: float64 (n, d), unit length, from :meth:`features`.
            cameras: n camera names.
            possible: bool (n, n), False where two cannot be the same person.

        Returns:
            float64 (n, n), -1 to 1.
        """
        plain = features @ features.T
        if len(features) < 2:
            return np.asarray(plain)
        names = np.array(cameras)
        plain += self._spec.across_cameras * (names[:, None] != names[None, :])
        several = len(set(cameras)) > 1
        k = self._spec.neighbours if several else self._spec.neighbours_one_camera
        allowed = possible & (names[:, None] != names[None, :]) if several else possible
        share = self._share(k, float(np.median(allowed.sum(axis=1))))
        if share == 0.0:
            return np.asarray(plain)
        k = min(k, len(features))
        central = neighbor_centralize(features, k, k, allowed=allowed).astype(np.float64)
        return np.asarray(share * (central @ central.T) + (1.0 - share) * plain)

    def _share(self, k: int, candidates: float) -> float:
        """How much the centralized similarity counts.

        Two mutual neighbours come out nearly equal however unlike they were, so being one of the k
        nearest is evidence only where there are many more candidates than k.
        """
        if k == 0 or candidates == 0.0:
            return 0.0
        return self._spec.nfc_share * max(0.0, 1.0 - self._spec.rarity * k / candidates)
