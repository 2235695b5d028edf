"""Which identity of a result stands for which person of the truth, all cameras together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from edge.evaluate.mot import MotBoxes
from edge.evaluate.tracking import box_ious

__all__ = ["match_people"]

_FOUND_IOU = 0.5


def match_people(truths: Mapping[str, MotBoxes], results: Mapping[str, MotBoxes]) -> dict[int, int]:
    """Pair people and identities one to one, so that as many boxes as possible lie in a pair (as IDF1 does).

    Args:
        truths: camera to its truth; ids are people.
        results: the same cameras; ids below 1 are nobody.

    Returns:
        Person to identity, for those who have one.
    """
    from scipy.optimize import linear_sum_assignment

    shared: Counter[tuple[int, int]] = Counter()
    for camera, truth in truths.items():
        shared.update(_found(truth, results[camera]))
    people = sorted({person for person, _ in shared})
    identities = sorted({identity for _, identity in shared})
    counts = np.zeros((len(people), len(identities)))
    for (person, identity), count in shared.items():
        counts[people.index(person), identities.index(identity)] = count
    rows, columns = linear_sum_assignment(counts, maximize=True)
    return {
        people[row]: identities[column]
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if counts[row, column] > 0
    }


def _found(truth: MotBoxes, result: MotBoxes) -> Counter[tuple[int, int]]:
    """Person and identity of boxes that overlap, by how often; every overlap counts, as for IDF1."""
    pairs: Counter[tuple[int, int]] = Counter()
    known = result.select(result.ids >= 1)
    for frame in np.intersect1d(truth.frames, known.frames).tolist():
        theirs, ours = truth.select(truth.frames == frame), known.select(known.frames == frame)
        ious = box_ious(theirs.boxes_ltwh_px, ours.boxes_ltwh_px)
        for row, column in zip(*np.nonzero(ious >= _FOUND_IOU), strict=True):
            pairs[int(theirs.ids[row]), int(ours.ids[column])] += 1
    return pairs
