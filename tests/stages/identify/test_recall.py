from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.stages.identify.recall import recall
from edge.stages.identify.strand import Strand
from edge.stores import Exemplar, Gallery

DIMENSIONS = 16


def remembered(vectors: dict[int, NDArray[np.float32]]) -> Gallery:
    gallery = Gallery(people_max=1000, exemplars_max=4)
    for identity, vector in vectors.items():
        gallery.add(identity, Exemplar("door", vector, 5.0, 0.0, 1.0, (0.0, 0.0), (0.0, 0.0), 50.0))
    return gallery


def in_view(vector: NDArray[np.float32], identity: int = 0) -> Strand:
    at = (0.0, 0.0)
    strand = Strand(1, "door", 1, 100.0, 101.0, 50.0, at, at, at, at, 0.0, 0.0)
    strand._closed_sum, strand._closed_weight = vector.astype(np.float64) * 5, 5.0
    strand.identity = identity
    return strand


@pytest.fixture
def faces() -> dict[int, NDArray[np.float32]]:
    rows = np.random.default_rng(0).standard_normal((40, DIMENSIONS))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return {identity: row.astype(np.float32) for identity, row in enumerate(rows, 1)}


def test_a_small_gallery_is_recalled_whole(faces: dict[int, NDArray[np.float32]]) -> None:
    gallery = remembered(faces)
    found = recall({"door": [[in_view(faces[3])]]}, gallery, people_max=40)
    assert [identity for identity, _ in found] == sorted(faces)


def test_of_many_the_most_alike_are_recalled_in_order(faces: dict[int, NDArray[np.float32]]) -> None:
    look = faces[17]
    nearest = sorted(faces, key=lambda identity: -float(faces[identity] @ look))[:5]
    found = recall({"door": [[in_view(look)]]}, remembered(faces), people_max=5)
    assert [identity for identity, _ in found] == sorted(nearest)


def test_who_somebody_in_view_is_taken_for_comes_along_always(
    faces: dict[int, NDArray[np.float32]],
) -> None:
    unlike = min(faces, key=lambda identity: float(faces[identity] @ faces[17]))
    found = recall({"door": [[in_view(faces[17], unlike)]]}, remembered(faces), people_max=3)
    identities = [identity for identity, _ in found]
    assert unlike in identities
    assert 17 in identities
    assert len(identities) == 4


def test_nobody_in_view_recalls_nobody_from_a_large_gallery(faces: dict[int, NDArray[np.float32]]) -> None:
    assert recall({"door": []}, remembered(faces), people_max=5) == []


def test_all_visits_of_a_recalled_person_come(faces: dict[int, NDArray[np.float32]]) -> None:
    gallery = remembered(faces)
    gallery.add(17, Exemplar("yard", faces[17], 5.0, 5.0, 6.0, (0.0, 0.0), (0.0, 0.0), 50.0))
    ((identity, visits),) = recall({"door": [[in_view(faces[17])]]}, gallery, people_max=1)
    assert identity == 17
    assert {visit.camera for visit in visits} == {"door", "yard"}
