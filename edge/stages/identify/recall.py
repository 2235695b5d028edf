"""Which remembered people are worth comparing with those in the window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edge.stages.identify.strand import Strand
from edge.stores import Exemplar, Gallery

__all__ = ["recall"]


def recall(
    visits: Mapping[str, Sequence[Sequence[Strand]]], gallery: Gallery, people_max: int
) -> list[tuple[int, list[Exemplar]]]:
    """Choose people from the gallery, so that a decision costs the same however many are remembered.

    Those whose identity somebody in the window bears come along always. The others are taken by the
    cosine of their most alike visit with any visit in the window, as embedded: a coarse measure, which
    decides nothing but who is looked at.

    Args:
        visits: the window, by camera.
        gallery: who is remembered.
        people_max: how many of the others.

    Returns:
        Identities, ascending, with their exemplars.
    """
    strands = [s for stays in visits.values() for visit in stays for s in visit]
    borne = {s.identity for s in strands}
    others = len(gallery) - sum(identity in gallery for identity in borne)
    if others <= people_max:
        return list(gallery)
    looks = [vector for s in strands if (vector := s.vector) is not None]
    identities, vectors = gallery.vectors
    chosen = set(borne)
    if looks and people_max:
        nearness = (vectors @ np.stack(looks).T).max(axis=1)
        wanted = len(borne) + people_max
        for row in np.argsort(-nearness, kind="stable"):
            chosen.add(int(identities[row]))
            if len(chosen) >= wanted:
                break
    return [(identity, exemplars) for identity, exemplars in gallery if identity in chosen]
