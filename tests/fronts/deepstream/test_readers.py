"""The contract of both metadata interfaces: what is read, and that nothing read belongs to DeepStream."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from deepstream_metadata import REID_ID, UNTRACKED, Person, Picture, Pyds, service_batch
from numpy.typing import NDArray

from edge.errors import StartError
from edge.fronts.deepstream.pyds_reader import PydsReader
from edge.fronts.deepstream.seen import SeenFrame
from edge.fronts.deepstream.servicemaker_reader import ServiceMakerReader

VECTOR = np.linspace(-1, 1, 8, dtype=np.float32)

Read = Callable[..., list[SeenFrame]]


def read_pyds(pictures: Sequence[Picture], *, reid: str = "secondary", half: bool = False) -> list[SeenFrame]:
    pyds = Pyds(reid=reid, half=half)
    reader = PydsReader(pyds, REID_ID if reid == "secondary" else 0, "embedding")
    frames = reader.read(pyds.batch(pictures))
    pyds.memory.release()
    return frames


def read_service_maker(pictures: Sequence[Picture], *, reid: str = "secondary") -> list[SeenFrame]:
    reader = ServiceMakerReader(REID_ID if reid == "secondary" else 0, "embedding")
    return reader.read(service_batch(pictures, reid=reid))


both = pytest.mark.parametrize("read", [read_pyds, read_service_maker])


@both
def test_frames_objects_and_times_are_read_in_order(read: Read) -> None:
    people = [Person(4, (10, 20, 30, 60), 0.8, VECTOR), Person(5, (100, 20, 30, 60), 0.7)]
    first, second = read(
        [Picture(0, 7, people, 280_000_000, 1_700_000_000_000_000_000), Picture(3, 9, (), size_px=(640, 480))]
    )
    assert (first.source, first.number, first.pts_ns) == (0, 7, 280_000_000)
    assert first.ntp_ns == 1_700_000_000_000_000_000
    assert first.track_ids.tolist() == [4, 5]
    assert first.boxes_px.tolist() == [[10, 20, 40, 80], [100, 20, 130, 80]]
    assert first.scores.tolist() == pytest.approx([0.8, 0.7])
    assert (second.source, second.size_px, len(second.track_ids)) == (3, (640, 480), 0)
    assert second.boxes_px.shape == (0, 4)


@both
@pytest.mark.parametrize("reid", ["secondary", "tracker"])
def test_the_vector_outlives_the_buffer(read: Read, reid: str) -> None:
    frame = read(
        [Picture(0, 1, [Person(1, (0, 0, 9, 9)), Person(2, (0, 0, 9, 9), vector=VECTOR)])], reid=reid
    )[0]
    assert list(frame.vectors) == [1]
    np.testing.assert_array_equal(frame.vectors[1], VECTOR)


@both
def test_untracked_objects_and_other_classes_are_left_out(read: Read) -> None:
    people = [
        Person(UNTRACKED, (0, 0, 9, 9), vector=VECTOR),
        Person(1, (0, 0, 9, 9), class_id=2),
        Person(6, (0, 0, 9, 9), vector=VECTOR),
    ]
    frame = read([Picture(0, 1, people)])[0]
    assert frame.track_ids.tolist() == [6]
    assert list(frame.vectors) == [0]


@both
def test_somebody_only_the_tracker_sees_has_the_trackers_confidence(read: Read) -> None:
    frame = read([Picture(0, 1, [Person(1, (0, 0, 9, 9), score=-0.1, tracker_score=0.4)])])[0]
    assert frame.scores.tolist() == pytest.approx([0.4])


@both
def test_an_empty_batch_is_no_frame(read: Read) -> None:
    assert read([]) == []


def test_a_half_precision_tensor_of_pyds_becomes_float32() -> None:
    frame = read_pyds([Picture(0, 1, [Person(1, (0, 0, 9, 9), vector=VECTOR)])], half=True)[0]
    vector: NDArray[np.float32] = frame.vectors[0]
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, VECTOR, atol=1e-3)


def test_a_network_with_another_output_gives_no_vector() -> None:
    pyds = Pyds(layer="features")
    batch = pyds.batch([Picture(0, 1, [Person(1, (0, 0, 9, 9), vector=VECTOR)])])
    assert PydsReader(pyds, REID_ID, "embedding").read(batch)[0].vectors == {}
    service = service_batch([Picture(0, 1, [Person(1, (0, 0, 9, 9), vector=VECTOR)])], layer="features")
    assert ServiceMakerReader(REID_ID, "embedding").read(service)[0].vectors == {}


def test_a_service_maker_that_shows_no_tracker_vectors_says_what_to_set() -> None:
    batch = service_batch([Picture(0, 1, [Person(1, (0, 0, 9, 9))])], reid="old")
    with pytest.raises(StartError, match=r"deepstream\.reid to secondary"):
        ServiceMakerReader(0, "embedding").read(batch)
