"""Read DeepStream 7.1's metadata through ``pyds``: linked lists, casts, and raw pointers to tensors.

Every list is walked with ``data`` and ``next``; both raise StopIteration at the end. What a cast returns
belongs to DeepStream and is gone with the buffer, so numbers are copied at once.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.fronts.deepstream.codes import UNTRACKED
from edge.fronts.deepstream.graph import PERSON_CLASS
from edge.fronts.deepstream.seen import SeenFrame, seen_frame

__all__ = ["PydsReader"]

_FLOAT, _HALF = 0, 1  # NvDsInferDataType


class PydsReader:
    """Copies what is needed out of a batch.

    Args:
        pyds: the bindings, or something that acts like them.
        reid_id: ``gie-unique-id`` of the secondary ReID network; 0 where ReID is inside the tracker.
        layer: name of that network's output.
    """

    def __init__(self, pyds: Any, reid_id: int, layer: str) -> None:
        self._pyds = pyds
        self._reid_id = reid_id
        self._layer = layer

    def read(self, batch_meta: Any) -> list[SeenFrame]:
        """Return every frame of a batch."""
        cast = self._pyds.NvDsFrameMeta.cast
        return [self._frame(frame) for frame in _walk(batch_meta.frame_meta_list, cast)]

    def _frame(self, frame: Any) -> SeenFrame:
        people: list[tuple[int, tuple[float, float, float, float], float]] = []
        vectors: dict[int, NDArray[np.float32]] = {}
        for person in _walk(frame.obj_meta_list, self._pyds.NvDsObjectMeta.cast):
            if person.class_id != PERSON_CLASS or person.object_id == UNTRACKED:
                continue
            vector = self._vector(person)
            if vector is not None:
                vectors[len(people)] = vector
            box = person.rect_params
            corners = (float(box.left), float(box.top), float(box.width), float(box.height))
            people.append((int(person.object_id), corners, _score_of(person)))
        facts = (int(frame.source_id), int(frame.frame_num), int(frame.buf_pts), int(frame.ntp_timestamp))
        size_px = (int(frame.source_frame_width), int(frame.source_frame_height))
        return seen_frame(facts, size_px, people, vectors)

    def _vector(self, person: Any) -> NDArray[np.float32] | None:
        kinds = self._pyds.NvDsMetaType
        for user in _walk(person.obj_user_meta_list, self._pyds.NvDsUserMeta.cast):
            kind = user.base_meta.meta_type
            if self._reid_id and kind == kinds.NVDSINFER_TENSOR_OUTPUT_META:
                tensors = self._pyds.NvDsInferTensorMeta.cast(user.user_meta_data)
                if tensors.unique_id == self._reid_id:
                    return self._tensor(tensors)
            elif not self._reid_id and kind == kinds.NVDS_TRACKER_OBJ_REID_META:
                reid = self._pyds.NvDsObjReid.cast(user.user_meta_data)
                if reid.featureSize > 0:
                    return np.array(reid.get_host_reid_vector(), dtype=np.float32).ravel()
        return None

    def _tensor(self, tensors: Any) -> NDArray[np.float32] | None:
        """Copy the network's output from its host buffer."""
        for index in range(tensors.num_output_layers):
            info = self._pyds.get_nvds_LayerInfo(tensors, index)
            if info.layerName != self._layer:
                continue
            pointer = self._pyds.get_ptr(info.buffer)
            count = int(info.inferDims.numElements)
            code = int(info.dataType)
            if not pointer or code not in (_FLOAT, _HALF):
                return None
            kind = np.float32 if code == _FLOAT else np.float16
            raw = ctypes.string_at(pointer, count * np.dtype(kind).itemsize)
            return np.frombuffer(raw, kind).astype(np.float32)
        return None


def _walk(node: Any, cast: Callable[[Any], Any]) -> Iterator[Any]:
    """Go along one of DeepStream's linked lists.

    A list's end shows itself as None or as StopIteration, which must not leave a generator.
    """
    while node is not None:
        try:
            item = cast(node.data)
        except StopIteration:
            return
        yield item
        try:
            node = node.next
        except StopIteration:
            return


def _score_of(person: Any) -> float:
    """The detector's confidence; where only the tracker saw the person, the tracker's."""
    score = float(person.confidence)
    return score if score > 0 else float(person.tracker_confidence)
