"""The window's features: corrected, centralized, and ready to be compared."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.centralize import GENERATED, FeatureSpace, WindowCentralizer
from edge.config.pipeline import RefineSpec
from edge.records import Tracklet

__all__ = ["Refiner"]

DRIFT = 0.05  # of the unit length of an embedding
SHARE_STEP = 1.0 / 32.0
CAPACITY = 1_000_000

Allowed = Callable[[Hashable, Hashable], bool]


class Refiner:
    """Keeps the feature space, and the visits in it, each with those of its mutual neighbours added.

    Similarity of two visits is a mixture: ``share`` times their cosine after centralization, the rest
    their cosine before. Neighbours come from other cameras where there are two or more, since a visit is
    already a mean over its own camera and lacks the others' view. Where there is one, they come from that
    one, and fewer of them. Visits that cannot be one person are never neighbours. Where there are few
    candidates the centralized part counts less, down to nothing (``RefineSpec.rarity``).

    The space learns all the time, but features are mapped by the space as it was when :meth:`renew` last
    said so; otherwise each arrival would change everybody. Cost of a change: one pass over the window
    (see :class:`WindowCentralizer`).

    Args:
        spec: which corrections are made, and how many neighbours are added.
    """

    def __init__(self, spec: RefineSpec) -> None:
        self._spec = spec
        self._space = FeatureSpace(
            remove_camera_mean=spec.camera_mean, whiten=spec.whiten, shrinkage=spec.shrinkage
        )
        self._frozen = self._space.freeze()
        self._allowed: Allowed | None = None
        self._rows: dict[Hashable, NDArray[np.float64]] = {}
        self._cameras: dict[Hashable, str] = {}
        self._count: Counter[str] = Counter()
        self._several = False
        self._window: WindowCentralizer | None = None
        self._changed: set[Hashable] = set()
        self._share: float | None = None

    @property
    def share(self) -> float:
        """How much the centralized part of the similarity counts at present, 0 to 1."""
        return self._share or 0.0

    def learn(self, tracklet: Tracklet) -> None:
        """Take in a closed tracklet: its camera's mean, and how much one person's embeddings vary."""
        self._space.learn(tracklet.camera, tracklet.vectors, new_track=tracklet.part == 0)

    def lessons(self) -> dict[str, NDArray[np.generic]]:
        """What it has learnt of the cameras, for :meth:`restore`: arrays by name."""
        return self._space.state()

    def restore(self, lessons: Mapping[str, NDArray[np.generic]]) -> None:
        """Begin with what another run has learnt; called before anything else."""
        self._space.restore(lessons)
        self._frozen = self._space.freeze()

    def count_people(self, camera: str, people: int) -> None:
        """Say how many people a camera has seen; its mean is trusted the more, the more there are."""
        self._space.count_people(camera, people)

    def renew(self) -> bool:
        """Go over to the space as it is now, if that makes a difference.

        Returns:
            True when it did: then all visits are forgotten, and features asked for again come out different.
        """
        now = self._space.freeze()
        if now.drift(self._frozen) < DRIFT:
            return False
        self._frozen = now
        self._rows.clear()
        self._cameras.clear()
        self._count.clear()
        self._changed.clear()
        self._window, self._share = None, None
        return True

    def features(self, vectors: NDArray[np.float32], cameras: Sequence[str]) -> NDArray[np.float64]:
        """Embeddings in the corrected space.

        Args:
            vectors: float32 (n, d), unit length.
            cameras: n camera names.

        Returns:
            float64 (n, d), unit length.
        """
        return self._frozen.transform(vectors, cameras)

    def learn_generated(self, vectors: NDArray[np.float32]) -> None:
        """Take in embeddings of generated pictures of one more person: the generator's mean."""
        self._space.learn_generated(vectors)

    def generated(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Embeddings of generated pictures in the corrected space.

        Args:
            vectors: float32 (m, d), unit length.

        Returns:
            float64 (m, d); their length is how well the generator's mean is known, 0 to 1.
        """
        return self._frozen.transform(vectors, [GENERATED] * len(vectors)) * self._frozen.trust

    def ask(self, allowed: Allowed) -> None:
        """Say who knows whether two visits can be one person; asked with two keys, answers symmetrically."""
        self._allowed = allowed

    def put(self, key: Hashable, feature: NDArray[np.float64], camera: str) -> None:
        """Take in a visit, or its new feature.

        Args:
            key: the visit.
            feature: float64 (d,), unit length, from :meth:`features`.
            camera: where it was.
        """
        if key in self._rows:
            self._count[self._cameras[key]] -= 1
        self._rows[key], self._cameras[key] = feature, camera
        self._count[camera] += 1
        self._changed.add(key)
        if self._window is not None:
            self._enter(self._window, key)

    def rename(self, key: Hashable, new: Hashable) -> None:
        """The same visit under another name."""
        self._rows[new], self._cameras[new] = self._rows.pop(key), self._cameras.pop(key)
        if key in self._changed:
            self._changed.discard(key)
            self._changed.add(new)
        if self._window is not None:
            self._window.rename(key, new)

    def drop(self, key: Hashable) -> None:
        """Forget a visit."""
        del self._rows[key]
        self._count[self._cameras.pop(key)] -= 1
        self._changed.discard(key)
        if self._window is not None:
            self._window.expire(key)

    def forbid(self, one: Hashable, other: Hashable) -> None:
        """Two that were held possible turn out to be two people."""
        if self._window is not None:
            self._window.forbid(one, other)

    def refresh(self) -> set[Hashable]:
        """Bring everything up to date.

        Returns:
            Whose rows may have changed since this was last asked.
        """
        several = sum(1 for count in self._count.values() if count) > 1
        if several != self._several:
            self._several, self._window = several, None
        k = self._spec.neighbours if several else self._spec.neighbours_one_camera
        share = self._share_for(k)
        if self._share is None or abs(share - self._share) >= SHARE_STEP or (share > 0) != (self._share > 0):
            self._share = share
            self._changed = set(self._rows)
        if self._share and self._window is None:
            self._window = self._fill(k)
            self._changed = set(self._rows)
        elif not self._share:
            self._window = None
        if self._window is not None:
            self._changed.update(self._window.changed())
        changed, self._changed = self._changed, set()
        return changed

    def rows(self, keys: Iterable[Hashable]) -> NDArray[np.float32]:
        """What visits are compared by: the product of two rows is their similarity, -1 to 1.

        All rows of one :meth:`refresh` are of one length, which may be another after the next.

        Args:
            keys: n visits that are in.

        Returns:
            float32 (n, w), unit length.
        """
        share = self.share
        parts = []
        for key in keys:
            plain = self._rows[key].astype(np.float32)
            if self._window is None:
                parts.append(plain)
                continue
            central = self._window.feature(key)
            parts.append(np.concatenate([math.sqrt(share) * central, math.sqrt(1.0 - share) * plain]))
        return np.stack(parts).astype(np.float32)

    def _fill(self, k: int) -> WindowCentralizer:
        window = WindowCentralizer(k, k, allowed=self._allowed, capacity=CAPACITY)
        for key in self._rows:
            self._enter(window, key)
        return window

    def _enter(self, window: WindowCentralizer, key: Hashable) -> None:
        group = self._cameras[key] if self._several else None
        if key in window:
            window.update(key, self._rows[key], group)
        else:
            window.add(key, self._rows[key], group)

    def _share_for(self, k: int) -> float:
        """How much the centralized similarity should count.

        Two mutual neighbours come out nearly equal however unlike they were, so being one of the k
        nearest is evidence only where there are many more candidates than k.
        """
        total = len(self._rows)
        counts = sorted(count for count in self._count.values() if count)
        if k == 0 or total < 2:
            return 0.0
        candidates = total - 1
        if self._several:  # those of other cameras, for the median visit
            passed = 0
            for count in reversed(counts):
                passed += count
                candidates = total - count
                if 2 * passed >= total:
                    break
        return self._spec.nfc_share * max(0.0, 1.0 - self._spec.rarity * k / candidates)
