"""Stand-ins for DeepStream's metadata, written from the documentation of pyds 1.2 and of PyServiceMaker.

They are as awkward as the real ones: lists are linked and end with StopIteration, what a list holds is opaque
until it is cast to the right class, iterators can be used once, tensors name the wrong device, and all memory
is overwritten as soon as the buffer is gone.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNTRACKED = 0xFFFFFFFFFFFFFFFF
REID_ID = 2


@dataclass
class Person:
    """One object of a frame: left, top, width, height in the mux's pixels."""

    track: int
    box: tuple[float, float, float, float]
    score: float = 0.9
    vector: NDArray[np.float32] | None = None
    class_id: int = 0
    tracker_score: float = 0.6


@dataclass
class Picture:
    """One frame of a batch."""

    source: int
    number: int
    people: Sequence[Person] = ()
    pts_ns: int = 0
    ntp_ns: int = 0
    size_px: tuple[int, int] = (1920, 1080)


@dataclass
class Memory:
    """What DeepStream owns: arrays that are garbage once the buffer is gone."""

    arrays: list[NDArray[Any]] = field(default_factory=list)

    def keep(self, array: NDArray[Any]) -> NDArray[Any]:
        self.arrays.append(array)
        return array

    def release(self) -> None:
        for array in self.arrays:
            array.fill(-7)


# --- pyds


class Capsule:
    """An opaque pointer: it has no attributes until it is cast."""

    __slots__ = ("_cls", "_inside")

    def __init__(self, cls: type, inside: Any) -> None:
        self._cls, self._inside = cls, inside


class Node:
    """One link of a GList."""

    def __init__(self, items: Sequence[Any], cls: type) -> None:
        self._items, self._cls = items, cls

    @property
    def data(self) -> Capsule:
        return Capsule(self._cls, self._items[0])

    @property
    def next(self) -> Node:
        if len(self._items) == 1:
            raise StopIteration
        return Node(self._items[1:], self._cls)


def linked(items: Sequence[Any], cls: type) -> Node | None:
    return Node(items, cls) if items else None


class Castable(SimpleNamespace):
    """A class of pyds: made from a capsule of its own kind and of no other."""

    @classmethod
    def cast(cls, data: Any) -> Any:
        if not isinstance(data, Capsule) or data._cls is not cls:
            raise TypeError(f"unable to cast to {cls.__name__}")
        return data._inside


class NvDsFrameMeta(Castable):
    pass


class NvDsObjectMeta(Castable):
    pass


class NvDsUserMeta(Castable):
    pass


class NvDsInferTensorMeta(Castable):
    pass


class NvDsObjReid(Castable):
    def get_host_reid_vector(self) -> NDArray[np.float32]:
        return self.memory  # type: ignore[no-any-return]  # not a copy


class NvDsMetaType(enum.Enum):
    NVDSINFER_TENSOR_OUTPUT_META = 12
    NVDS_TRACKER_OBJ_REID_META = 31
    NVDS_USER_META = 4096


class NvDsInferDataType(enum.Enum):
    FLOAT = 0
    HALF = 1
    INT8 = 2

    def __int__(self) -> int:
        return int(self.value)


class Pyds:
    """The module ``pyds``, as far as it is needed; ``batch`` is what the next buffer carries."""

    NvDsFrameMeta, NvDsObjectMeta, NvDsUserMeta = NvDsFrameMeta, NvDsObjectMeta, NvDsUserMeta
    NvDsInferTensorMeta, NvDsObjReid, NvDsMetaType = NvDsInferTensorMeta, NvDsObjReid, NvDsMetaType

    def __init__(self, *, reid: str = "secondary", layer: str = "embedding", half: bool = False) -> None:
        self.reid, self.layer, self.half = reid, layer, half
        self.memory = Memory()
        self.batches: dict[int, Any] = {}

    def batch(self, pictures: Sequence[Picture]) -> Any:
        self.memory = Memory()
        frames = [self._frame(picture) for picture in pictures]
        return SimpleNamespace(frame_meta_list=linked(frames, NvDsFrameMeta))

    def gst_buffer_get_nvds_batch_meta(self, address: int) -> Any:
        return self.batches[address]

    @staticmethod
    def get_nvds_LayerInfo(meta: Any, index: int) -> Any:  # noqa: N802
        return meta.layers[index]

    @staticmethod
    def get_ptr(buffer: Any) -> int:
        if not isinstance(buffer, Capsule):
            raise TypeError("get_ptr wants a capsule")
        return int(buffer._inside.ctypes.data)

    def _frame(self, picture: Picture) -> Any:
        people = [self._object(person) for person in picture.people]
        return NvDsFrameMeta(
            source_id=picture.source,
            pad_index=picture.source,
            frame_num=picture.number,
            buf_pts=picture.pts_ns,
            ntp_timestamp=picture.ntp_ns,
            source_frame_width=picture.size_px[0],
            source_frame_height=picture.size_px[1],
            obj_meta_list=linked(people, NvDsObjectMeta),
        )

    def _object(self, person: Person) -> Any:
        left, top, width, height = person.box
        users = [self._user(NvDsMetaType.NVDS_USER_META, None)]
        if person.vector is not None:
            users.append(self._vector(person.vector))
        return NvDsObjectMeta(
            class_id=person.class_id,
            object_id=person.track,
            confidence=person.score,
            tracker_confidence=person.tracker_score,
            rect_params=SimpleNamespace(left=left, top=top, width=width, height=height),
            obj_user_meta_list=linked(users, NvDsUserMeta),
        )

    def _vector(self, vector: NDArray[np.float32]) -> Any:
        if self.reid == "tracker":
            memory = self.memory.keep(vector.copy())
            reid = NvDsObjReid(featureSize=len(vector), memory=memory)
            return self._user(NvDsMetaType.NVDS_TRACKER_OBJ_REID_META, Capsule(NvDsObjReid, reid))
        kind = NvDsInferDataType.HALF if self.half else NvDsInferDataType.FLOAT
        memory = self.memory.keep(vector.astype(np.float16 if self.half else np.float32))
        layers = [
            self._layer("other", self.memory.keep(np.zeros(3, np.float32)), NvDsInferDataType.FLOAT),
            self._layer(self.layer, memory, kind),
        ]
        tensors = NvDsInferTensorMeta(unique_id=REID_ID, num_output_layers=len(layers), layers=layers)
        capsule = Capsule(NvDsInferTensorMeta, tensors)
        return self._user(NvDsMetaType.NVDSINFER_TENSOR_OUTPUT_META, capsule)

    @staticmethod
    def _layer(name: str, memory: NDArray[Any], kind: NvDsInferDataType) -> Any:
        dims = SimpleNamespace(numElements=memory.size, numDims=1)
        return SimpleNamespace(layerName=name, dataType=kind, inferDims=dims, buffer=Capsule(object, memory))

    @staticmethod
    def _user(kind: NvDsMetaType, data: Any) -> Any:
        return NvDsUserMeta(base_meta=SimpleNamespace(meta_type=kind), user_meta_data=data)


# --- PyServiceMaker


class OneShot:
    """Attributes of these names are iterators that give their items once, however often one asks."""

    def __init__(self, **lists: Sequence[Any]) -> None:
        self._iterators: Mapping[str, Iterator[Any]] = {name: iter(items) for name, items in lists.items()}

    def __getattr__(self, name: str) -> Iterator[Any]:
        iterators: Mapping[str, Iterator[Any]] = self.__dict__.get("_iterators", {})
        if name not in iterators:
            raise AttributeError(name)
        return iterators[name]


class Tensor:
    """A tensor of host memory that says it is on the GPU."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array

    def __dlpack__(self, stream: object = None) -> Any:
        return self._array.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0


class Layers(dict[str, Tensor]):
    """What ``get_layers`` gives: it owns the tensors, which are garbage when it is gone."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        super().__init__({name: Tensor(array) for name, array in arrays.items()})
        self._arrays = list(arrays.values())

    def __del__(self) -> None:
        for array in self._arrays:
            array.fill(-7)


class TensorMeta:
    """A user meta that is the output of a network."""

    def __init__(self, unique_id: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.unique_id, self._arrays = unique_id, arrays

    def as_tensor_output(self) -> TensorMeta:
        return self

    def get_layers(self) -> Layers:
        return Layers({name: array.copy() for name, array in self._arrays.items()})


class ReidMeta:
    """A user meta that is a vector of the tracker."""

    def __init__(self, vector: NDArray[np.float32]) -> None:
        self.feature_size, self.feature_vector = len(vector), vector.copy()

    def as_obj_reid(self) -> ReidMeta:
        return self


class ServiceObject(OneShot):
    def __init__(self, person: Person, *, reid: str, layer: str) -> None:
        tensors: list[Any] = []
        reids: list[Any] = []
        if person.vector is not None and reid == "secondary":
            tensors = [
                TensorMeta(9, {layer: np.zeros(4, np.float32)}),
                TensorMeta(REID_ID, {layer: person.vector[None]}),
            ]
        elif person.vector is not None:
            reids = [ReidMeta(person.vector)]
        lists: dict[str, Sequence[Any]] = {"tensor_items": tensors}
        if reid != "old":
            lists["obj_reid_items"] = reids
        super().__init__(**lists)
        left, top, width, height = person.box
        self.class_id, self.object_id = person.class_id, person.track
        self.confidence, self.tracker_confidence = person.score, person.tracker_score
        self.rect_params = SimpleNamespace(left=left, top=top, width=width, height=height)


class ServiceFrame(OneShot):
    def __init__(self, picture: Picture, *, reid: str, layer: str) -> None:
        super().__init__(
            object_items=[ServiceObject(one, reid=reid, layer=layer) for one in picture.people],
            tensor_items=[],
        )
        self.source_id, self.pad_index, self.frame_number = picture.source, picture.source, picture.number
        self.buffer_pts, self.ntp_timestamp = picture.pts_ns, picture.ntp_ns
        self.source_width, self.source_height = picture.size_px


def service_batch(
    pictures: Sequence[Picture], *, reid: str = "secondary", layer: str = "embedding"
) -> OneShot:
    """A batch as PyServiceMaker shows it; ``reid='old'``: of a version that shows no tracker's vectors."""
    return OneShot(frame_items=[ServiceFrame(one, reid=reid, layer=layer) for one in pictures])
