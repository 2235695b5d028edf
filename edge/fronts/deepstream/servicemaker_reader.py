"""Read the metadata of DeepStream 9.1 and later through PyServiceMaker: iterators that can be used once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import StartError
from edge.fronts.deepstream.codes import UNTRACKED
from edge.fronts.deepstream.dlpack import copy_tensor
from edge.fronts.deepstream.graph import PERSON_CLASS
from edge.fronts.deepstream.seen import SeenFrame, seen_frame

__all__ = ["ServiceMakerReader"]

TensorCopy = Callable[[Any], NDArray[np.float32]]


class ServiceMakerReader:
    """Copies what is needed out of a batch.

    Args:
        reid_id: ``gie-unique-id`` of the secondary ReID network; 0 where ReID is inside the tracker.
        layer: name of that network's output.
        copy: how a tensor's numbers are copied.
    """

    def __init__(self, reid_id: int, layer: str, copy: TensorCopy = copy_tensor) -> None:
        self._reid_id = reid_id
        self._layer = layer
        self._copy = copy

    def read(self, batch_meta: Any) -> list[SeenFrame]:
        """Return every frame of a batch.

        Raises:
            StartError: ReID is inside the tracker, and this PyServiceMaker does not show its vectors.
        """
        return [self._frame(frame) for frame in batch_meta.frame_items]

    def _frame(self, frame: Any) -> SeenFrame:
        people: list[tuple[int, tuple[float, float, float, float], float]] = []
        vectors: dict[int, NDArray[np.float32]] = {}
        for person in frame.object_items:  # once: the iterator is used up by this loop
            if person.class_id != PERSON_CLASS or person.object_id == UNTRACKED:
                continue
            vector = self._network_vector(person) if self._reid_id else _tracker_vector(person)
            if vector is not None:
                vectors[len(people)] = vector
            box = person.rect_params
            corners = (float(box.left), float(box.top), float(box.width), float(box.height))
            score = float(person.confidence)
            if score <= 0:
                score = float(person.tracker_confidence)
            people.append((int(person.object_id), corners, score))
        facts = (
            int(frame.source_id),
            int(frame.frame_number),
            int(frame.buffer_pts),
            int(frame.ntp_timestamp),
        )
        return seen_frame(facts, (int(frame.source_width), int(frame.source_height)), people, vectors)

    def _network_vector(self, person: Any) -> NDArray[np.float32] | None:
        for user in person.tensor_items:
            output = user.as_tensor_output()
            if output and output.unique_id == self._reid_id:
                layers = output.get_layers()  # kept until the copy is made: it owns the tensors
                layer = layers.get(self._layer)
                return None if layer is None else self._copy(layer)
        return None


def _tracker_vector(person: Any) -> NDArray[np.float32] | None:
    items = getattr(person, "obj_reid_items", None)
    if items is None:
        raise StartError(
            "this PyServiceMaker does not show the ReID vectors of the tracker (9.2 and later do); set "
            "deepstream.reid to secondary"
        )
    for user in items:
        reid = user.as_obj_reid()
        if reid and reid.feature_size > 0:
            return np.array(reid.feature_vector, dtype=np.float32).ravel()
    return None
