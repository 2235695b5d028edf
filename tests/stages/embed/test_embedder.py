from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import onnxruntime
import pytest

from edge.backends import check_ports, open_session
from edge.config.card import ModelCard
from edge.config.catalog import load_card
from edge.config.pipeline import EmbedSpec
from edge.errors import ModelError
from edge.evaluate.mot import read_mot
from edge.records import CroppedFrame
from edge.stages.embed import Embedder

MakeCard = Callable[..., ModelCard]
MakeFrame = Callable[..., CroppedFrame]
REID = ("reid-retail-0031", "reid-retail-0248", "reid-retail-0265", "osnet-x0-25")


def spec_of(**numbers: object) -> EmbedSpec:
    return EmbedSpec.model_validate({"model": "test-reid", **numbers})


def pictures(count: int, seed: int = 0) -> list[np.ndarray]:
    """Crops of different sizes, darker on the left."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        image = rng.integers(0, 200, (*rng.integers(5, 60, 2), 3), dtype=np.uint8)
        image[:, : image.shape[1] // 2] //= 4
        found.append(image)
    return found


def test_every_crop_gets_one_unit_vector_and_keeps_its_place(
    session, make_card: MakeCard, make_frame: MakeFrame
) -> None:
    batch = [make_frame(pictures(n, seed=n), camera=f"camera-{n}") for n in (2, 0, 3, 1, 0)]
    embedder = Embedder(make_card(), session, spec_of())
    frames = embedder.embed(batch)
    assert [frame.tracks for frame in frames] == [frame.tracks for frame in batch]
    assert session.batches == [6]
    for given, frame in zip(batch, frames, strict=True):
        assert [embedding.crop for embedding in frame.embeddings] == list(given.crops)
        for embedding in frame.embeddings:
            assert embedding.vector.dtype == np.float32
            assert embedding.vector.shape == (4,)
            assert np.linalg.norm(embedding.vector) == pytest.approx(1, abs=1e-6)
            assert embedding.vector[3] == pytest.approx(2 * embedding.vector[2])
            assert embedding.model == "test-reid@0123456789ab"


def test_an_embedding_kept_past_the_next_call_is_unchanged(
    session, make_card: MakeCard, make_frame: MakeFrame
) -> None:
    embedder = Embedder(make_card(), session, spec_of())
    kept = embedder.embed([make_frame(pictures(3, seed=1))])[0].embeddings
    before = [embedding.vector.copy() for embedding in kept]
    others = embedder.embed([make_frame(pictures(3, seed=2))])[0].embeddings
    session.buffer[:] = 7
    for embedding, vector, other in zip(kept, before, others, strict=True):
        assert np.array_equal(embedding.vector, vector)
        assert not np.allclose(vector, other.vector)
        assert not np.shares_memory(embedding.vector, session.buffer)
    whole = {id(embedding.vector.base) for embedding in kept} - {id(None)}
    assert not whole  # nor do they keep each other's memory alive


def test_nothing_to_embed_runs_nothing(session, make_card: MakeCard, make_frame: MakeFrame) -> None:
    embedder = Embedder(make_card(), session, spec_of())
    assert embedder.embed([]) == []
    (frame,) = embedder.embed([make_frame([])])
    assert frame.embeddings == ()
    assert session.batches == []


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("batch_max", [1, 3, 7, 100])
def test_the_size_of_the_batch_changes_nothing(
    flip: bool, batch_max: int, session, make_card: MakeCard, make_frame: MakeFrame
) -> None:
    frames = [make_frame(pictures(5)), make_frame(pictures(4, seed=9))]
    whole = Embedder(make_card(), session, spec_of(flip=flip)).embed(frames)
    session.batches.clear()
    parts = Embedder(make_card(), session, spec_of(flip=flip, batch_max=batch_max)).embed(frames)
    assert max(session.batches) <= batch_max
    assert sum(session.batches) == (18 if flip else 9)
    assert np.allclose(vectors_of(whole), vectors_of(parts))


def test_a_network_with_a_fixed_batch_gets_it(session, make_card: MakeCard, make_frame: MakeFrame) -> None:
    frames = [make_frame(pictures(5))]
    fixed = Embedder(make_card(batch=4, outputs={"embedding": (4, 4)}), session, spec_of()).embed(frames)
    assert session.batches == [4, 4]
    assert np.allclose(vectors_of(fixed), vectors_of(Embedder(make_card(), session, spec_of()).embed(frames)))


def test_flip_averages_with_the_mirrored_crop(session, make_card: MakeCard, make_frame: MakeFrame) -> None:
    images = pictures(3)
    mirrored = [image[:, ::-1] for image in images]
    plain = Embedder(make_card(), session, spec_of())
    total = vectors_of(plain.embed([make_frame(images)])) + vectors_of(plain.embed([make_frame(mirrored)]))
    expected = total / np.linalg.norm(total, axis=1, keepdims=True)
    found = vectors_of(Embedder(make_card(), session, spec_of(flip=True)).embed([make_frame(images)]))
    assert np.allclose(found, expected, atol=1e-6)
    assert not np.allclose(found, vectors_of(plain.embed([make_frame(images)])), atol=1e-2)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 0.0])
def test_unusable_vectors_are_dropped_and_counted(
    bad: float,
    flip: bool,
    session,
    make_card: MakeCard,
    make_frame: MakeFrame,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer(given: np.ndarray) -> np.ndarray:
        vectors = session.halves(given)
        vectors[given.mean(axis=(1, 2, 3)) < 1] = bad
        return vectors

    session.answer = answer
    images = pictures(4)
    images[1] = np.zeros_like(images[1])
    embedder = Embedder(make_card(), session, spec_of(flip=flip))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            (frame,) = embedder.embed([make_frame(images)])
            assert [embedding.crop.track for embedding in frame.embeddings] == [1, 3, 4]
    assert embedder.unusable == 2
    assert len(caplog.records) == 1
    assert "test-reid" in caplog.text


def test_huge_vectors_become_unit_vectors(session, make_card: MakeCard, make_frame: MakeFrame) -> None:
    session.answer = lambda given: np.full((len(given), 4), 3e38, np.float32)
    (frame,) = Embedder(make_card(), session, spec_of()).embed([make_frame(pictures(1))])
    assert np.allclose(frame.embeddings[0].vector, 0.5)


def test_a_vector_with_ones_behind_it_is_read_too(
    session, make_card: MakeCard, make_frame: MakeFrame
) -> None:
    session.run = lambda feeds: {"embedding": session.halves(feeds["data"])[:, :, None, None]}
    (frame,) = Embedder(make_card(), session, spec_of()).embed([make_frame(pictures(2))])
    assert [embedding.vector.shape for embedding in frame.embeddings] == [(4,), (4,)]


@pytest.mark.parametrize("shape", [(2, 5), (1, 4), (4, 2), (8,)])
def test_an_output_of_another_shape_names_both(
    shape: tuple[int, ...], session, make_card: MakeCard, make_frame: MakeFrame
) -> None:
    session.run = lambda feeds: {"embedding": np.ones(shape, np.float32)}
    with pytest.raises(ModelError, match=r"'test-reid': output 'embedding' has shape .* need \[2, 4\]"):
        Embedder(make_card(), session, spec_of()).embed([make_frame(pictures(2))])


def test_a_detector_is_refused(session) -> None:
    with pytest.raises(ModelError, match=r"'yolox-nano' .* gives no embeddings"):
        Embedder(load_card("yolox-nano"), session, spec_of())


def vectors_of(frames: Sequence) -> np.ndarray:
    return np.array([embedding.vector for frame in frames for embedding in frame.embeddings])


# --- on people of the shared video, with real weights ---


@pytest.fixture(scope="module")
def people(shared: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """Crops of the true boxes of some frames of PETS, and who they show."""
    truth = read_mot(shared / "data/gt/PETS09-S2L1/gt.txt").scaled(0.625)
    images: list[np.ndarray] = []
    ids: list[int] = []
    with av.open(str(shared / "data/video/pets09_s2l1_view1_480x360.avi")) as video:
        for number, picture in enumerate(video.decode(video=0), start=1):
            if number % 15 != 1 or number > 250:
                continue
            frame = picture.to_ndarray(format="bgr24")
            for row in np.flatnonzero(truth.frames == number):
                left, top, width, height = truth.boxes_ltwh_px[row].round().astype(int)
                left, top = max(left, 0), max(top, 0)
                crop = frame[top : top + height, left : left + width]
                if crop.shape[0] >= 30 and crop.shape[1] >= 10:
                    images.append(crop.copy())
                    ids.append(int(truth.ids[row]))
    return images, np.array(ids)


@pytest.mark.parametrize("name", REID)
def test_vectors_equal_those_of_bare_onnxruntime(
    name: str, shared: Path, people: tuple[list[np.ndarray], np.ndarray], make_frame: MakeFrame
) -> None:
    images = people[0][:21]
    card = load_card(name)
    path = shared / "data/models" / card.file
    opened = open_session(path)
    check_ports(opened, card)
    found = vectors_of(Embedder(card, opened, spec_of(batch_max=8)).embed([make_frame(images)]))
    bare = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for image, vector in zip(images, found, strict=True):
        numbers = cv2.resize(image, (card.input.width, card.input.height)).astype(np.float32)
        if card.input.colour == "rgb":
            numbers = numbers[:, :, ::-1]
        numbers = (numbers * card.input.scale - np.array(card.input.mean)) / np.array(card.input.std)
        feed = {card.input.name: numbers.transpose(2, 0, 1)[None].astype(np.float32)}
        raw = bare.run([next(iter(card.outputs))], feed)[0].ravel()
        assert vector @ (raw / np.linalg.norm(raw)) > 0.9999
        assert np.abs(vector - raw / np.linalg.norm(raw)).max() < 1e-3


@pytest.mark.parametrize("name", REID)
def test_the_same_person_looks_more_alike_than_others(
    name: str, shared: Path, people: tuple[list[np.ndarray], np.ndarray], make_frame: MakeFrame
) -> None:
    images, ids = people
    card = load_card(name)
    vectors = vectors_of(
        Embedder(card, open_session(shared / "data/models" / card.file), spec_of()).embed(
            [make_frame(images)]
        )
    )
    similarities = vectors @ vectors.T
    same = ids[:, None] == ids[None, :]
    np.fill_diagonal(same, False)
    others = ids[:, None] != ids[None, :]
    assert similarities[same].mean() > similarities[others].mean() + 0.1
    np.fill_diagonal(similarities, -1)
    assert (ids[similarities.argmax(axis=1)] == ids).mean() > 0.7
