"""How well identities given to pictures of people agree with who they are."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["IdentityScore", "idf1_of", "score_identities"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class IdentityScore:
    """Agreement of identities with the truth; shares are 0 to 1.

    idf1: share of crops under the right identity, see :func:`idf1_of`.
    pair_precision: of the pairs of crops of different tracklets that bear one identity, those that show one
        person; 0 where there is no such pair.
    pair_recall: of the pairs of crops of different tracklets that show one person, those that bear one
        identity; 0 where there is no such pair.
    pair_f1: harmonic mean of the two.
    identities: how many different ones were given; unknown is none.
    """

    idf1: float
    pair_f1: float
    pair_precision: float
    pair_recall: float
    identities: int

    def as_json(self) -> dict[str, float | int]:
        """The scores by their lower-case names, ready for ``json.dumps``."""
        return asdict(self)


def score_identities(persons: Ints, tracklets: Ints, identities: Ints) -> IdentityScore:
    """Score the identities of crops, whatever their cameras.

    Two crops of one tracklet are never counted as a pair: that they belong together was given.

    Args:
        persons: int64 (n,), who it is.
        tracklets: int64 (n,), which tracklet the crop is of.
        identities: int64 (n,), from 1; below 1 is unknown, which is like nobody else's.
    """
    given = _name_the_unknown(identities)
    right = _pairs(persons, given) - _pairs(persons, given, tracklets)
    joined = _pairs(given) - _pairs(given, tracklets)
    true = _pairs(persons) - _pairs(persons, tracklets)
    return IdentityScore(
        idf1=idf1_of(persons, identities),
        pair_f1=2.0 * right / (joined + true) if joined + true else 0.0,
        pair_precision=right / joined if joined else 0.0,
        pair_recall=right / true if true else 0.0,
        identities=len(np.unique(identities[identities >= 1])),
    )


def idf1_of(persons: Ints, identities: Ints) -> float:
    """IDF1 over crops, across all cameras at once (Ristani et al. 2016, with every box found).

    People and identities are matched one to one so that as many crops as possible lie in a matched pair;
    these, divided by all crops, are IDF1, for there are as many true crops as there are answers.

    Args:
        persons: int64 (n,), who it is.
        identities: int64 (n,), from 1; each crop below 1 counts as an identity of its own.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not len(persons):
        return 0.0
    people, rows = np.unique(persons, return_inverse=True)
    names, columns = np.unique(_name_the_unknown(identities), return_inverse=True)
    size = len(people) + len(names)
    graph = coo_matrix((np.ones(len(rows)), (rows, columns + len(people))), shape=(size, size))
    _, parts = connected_components(graph, directed=False)  # what shares no crop is matched by itself
    order = np.argsort(parts[rows], kind="stable")
    bounds = np.flatnonzero(np.diff(parts[rows][order])) + 1
    right = 0.0
    for crops in np.split(order, bounds):
        who, row = np.unique(rows[crops], return_inverse=True)
        name, column = np.unique(columns[crops], return_inverse=True)
        shared = np.zeros((len(who), len(name)))
        np.add.at(shared, (row, column), 1.0)
        right += float(shared[linear_sum_assignment(shared, maximize=True)].sum())
    return right / len(persons)


def _pairs(*keys: Ints) -> int:
    """Unordered pairs of crops that agree in all keys."""
    _, counts = np.unique(np.stack(keys, axis=1), axis=0, return_counts=True)
    return int((counts * (counts - 1) // 2).sum())


def _name_the_unknown(identities: Ints) -> Ints:
    """Each identity below 1 becomes one that occurs nowhere else."""
    unknown = identities < 1
    named = identities.copy()
    named[unknown] = int(identities.max(initial=0)) + 1 + np.arange(int(unknown.sum()))
    return named
