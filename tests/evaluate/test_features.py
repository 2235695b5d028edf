from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_models import write_pipeline

from edge.config.pipeline import EmbedSpec
from edge.errors import ConfigError
from edge.evaluate.feature_cache import cache_folder
from edge.evaluate.features import (
    NO_EMBEDDING,
    Describer,
    embed_pictures,
    open_describer,
    read_picture,
)

COUNT = 10


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny ReID network's embedding is the mean of blue, green and red."""
    folder = tmp_path_factory.mktemp("models")
    write_pipeline(folder)
    return folder


@pytest.fixture
def describer(models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Describer]:
    monkeypatch.setenv("EDGE_PRETRAINED", str(models))
    with open_describer(EmbedSpec(model=str(models / "tiny-reid" / "card.yaml"), batch_max=3)) as opened:
        yield opened


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    paths = [folder / f"{number}.png" for number in range(COUNT)]
    for number, path in enumerate(paths):
        cv2.imwrite(str(path), np.full((20 + number, 10, 3), (number + 1, 2, 3), np.uint8))
    return paths


class Counter:
    """Counts the pictures that a describer's network really sees, and may be interrupted."""

    def __init__(self, describer: Describer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen = 0
        self.stop_after: int | None = None
        embed = describer.embedder.embed

        def counted(batch):  # type: ignore[no-untyped-def]
            if self.stop_after is not None and self.seen >= self.stop_after:
                raise KeyboardInterrupt
            self.seen += sum(len(frame.crops) for frame in batch)
            return embed(batch)

        monkeypatch.setattr(describer.embedder, "embed", counted)


@pytest.fixture
def counter(describer: Describer, monkeypatch: pytest.MonkeyPatch) -> Counter:
    return Counter(describer, monkeypatch)


def expected() -> np.ndarray:
    rows = np.array([(number + 1, 2, 3) for number in range(COUNT)], np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_each_picture_gets_its_own_embedding(describer: Describer, pictures: list[Path]) -> None:
    steps: list[tuple[int, int]] = []
    features, skips = embed_pictures(pictures, describer, progress=lambda *at: steps.append(at), part=4)
    np.testing.assert_allclose(features.vectors, expected(), atol=1e-6)
    assert features.usable.all()
    assert skips == []
    assert steps[-1] == (COUNT, COUNT)
    assert steps == sorted(steps)


def test_what_cannot_be_used_is_listed_and_its_neighbours_are_not_moved(
    describer: Describer, pictures: list[Path]
) -> None:
    pictures[1].write_bytes(b"")
    pictures[3].write_bytes(b"no picture")
    pictures[4].unlink()
    whole = cv2.imencode(".jpg", np.full((64, 32, 3), 90, np.uint8))[1].tobytes()
    pictures[6].write_bytes(whole[: len(whole) // 2])
    cv2.imwrite(str(pictures[8]), np.zeros((9, 9, 3), np.uint8))
    features, skips = embed_pictures(pictures, describer, part=4)
    reasons = {pictures.index(skip.path): skip.reason for skip in skips}
    assert reasons == {
        1: "is empty (0 bytes)",
        3: "is no picture that can be decoded",
        4: "cannot be read: No such file or directory",
        6: "is cut off: a JPEG without its end",
        8: NO_EMBEDDING,
    }
    left = [row for row in range(COUNT) if row not in reasons]
    assert np.flatnonzero(features.usable).tolist() == left
    np.testing.assert_allclose(features.vectors[left], expected()[left], atol=1e-6)
    assert not features.vectors[list(reasons)].any()


def test_the_same_list_is_embedded_once(
    describer: Describer, pictures: list[Path], counter: Counter, tmp_path: Path
) -> None:
    first, _ = embed_pictures(pictures, describer, cache=tmp_path / "cache")
    again, _ = embed_pictures(pictures, describer, cache=tmp_path / "cache")
    np.testing.assert_array_equal(first.vectors, again.vectors)
    assert counter.seen == COUNT
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".npz"]


def test_a_changed_picture_is_embedded_again(
    describer: Describer, pictures: list[Path], counter: Counter, tmp_path: Path
) -> None:
    embed_pictures(pictures, describer, cache=tmp_path / "cache")
    size = pictures[0].stat().st_size
    cv2.imwrite(str(pictures[0]), np.full((20, 10, 3), (200, 2, 3), np.uint8))
    os.utime(pictures[0], ns=(1, 1))
    assert abs(pictures[0].stat().st_size - size) < 20
    features, _ = embed_pictures(pictures, describer, cache=tmp_path / "cache")
    assert counter.seen == 2 * COUNT
    assert features.vectors[0, 0] > 0.99


def test_another_network_or_another_order_is_another_entry(
    models: Path, describer: Describer, pictures: list[Path], counter: Counter, tmp_path: Path
) -> None:
    embed_pictures(pictures, describer, cache=tmp_path / "cache")
    turned, _ = embed_pictures(pictures[::-1], describer, cache=tmp_path / "cache")
    assert counter.seen == 2 * COUNT
    np.testing.assert_allclose(turned.vectors, expected()[::-1], atol=1e-6)
    card = (models / "tiny-reid" / "card.yaml").read_text()
    changed = tmp_path / "card.yaml"
    changed.write_text(card.replace("colour: bgr", "colour: rgb"))
    with open_describer(EmbedSpec(model=str(changed))) as other:
        features, _ = embed_pictures(pictures, other, cache=tmp_path / "cache")
    np.testing.assert_allclose(features.vectors, expected()[:, ::-1], atol=1e-6)


def test_an_interruption_loses_at_most_one_part(
    describer: Describer, pictures: list[Path], counter: Counter, tmp_path: Path
) -> None:
    counter.stop_after = 7  # batches of 3, then 1 to the end of the part of 4; then 3 more
    with pytest.raises(KeyboardInterrupt):
        embed_pictures(pictures, describer, cache=tmp_path / "cache", part=4)
    seen, counter.stop_after = counter.seen, None
    features, _ = embed_pictures(pictures, describer, cache=tmp_path / "cache", part=4)
    assert counter.seen - seen == COUNT - 4
    np.testing.assert_allclose(features.vectors, expected(), atol=1e-6)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".npz"]


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04"])
def test_a_broken_cache_is_made_again(
    describer: Describer, pictures: list[Path], counter: Counter, tmp_path: Path, content: bytes
) -> None:
    embed_pictures(pictures, describer, cache=tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(content)
    features, _ = embed_pictures(pictures, describer, cache=tmp_path / "cache")
    np.testing.assert_allclose(features.vectors, expected(), atol=1e-6)
    assert counter.seen == 2 * COUNT


def test_a_cache_of_other_arrays_is_made_again(
    describer: Describer, pictures: list[Path], counter: Counter, tmp_path: Path
) -> None:
    embed_pictures(pictures, describer, cache=tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    np.savez(file, vectors=np.full((COUNT, 3), np.nan, np.float32), usable=np.ones(COUNT, bool))
    features, _ = embed_pictures(pictures, describer, cache=tmp_path / "cache")
    np.testing.assert_allclose(features.vectors, expected(), atol=1e-6)
    assert counter.seen == 2 * COUNT


def test_a_picture_that_failed_is_tried_again(
    describer: Describer, pictures: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import edge.evaluate.features as module

    def refuse(path: Path) -> np.ndarray | str:
        return "cannot be read: Permission denied" if path == pictures[2] else read_picture(path)

    with monkeypatch.context() as patched:
        patched.setattr(module, "read_picture", refuse)
        _, skips = embed_pictures(pictures, describer, cache=tmp_path / "cache")
        assert [skip.path for skip in skips] == [pictures[2]]
        _, skips = embed_pictures(pictures, describer, cache=tmp_path / "cache")
        assert [skip.reason for skip in skips] == ["cannot be read: Permission denied"]
    features, skips = embed_pictures(pictures, describer, cache=tmp_path / "cache")
    assert skips == []
    np.testing.assert_allclose(features.vectors, expected(), atol=1e-6)


def test_a_cache_that_cannot_be_written_costs_a_warning(
    describer: Describer, pictures: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    features, _ = embed_pictures(pictures, describer, cache=blocked / "cache", part=3)
    assert features.usable.all()
    assert caplog.text.count("features are not cached") == 1


def test_an_empty_list_has_no_features(describer: Describer, tmp_path: Path) -> None:
    features, skips = embed_pictures([], describer, cache=tmp_path / "cache")
    assert (features.vectors.shape, len(features), skips) == ((0, 3), 0, [])


def test_the_cache_lies_in_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "edge-reid" / "features"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path.home() / ".cache" / "edge-reid" / "features"


def test_a_detector_describes_nobody() -> None:
    with pytest.raises(ConfigError, match="model 'yolox-nano' is made to detect, not to embed"):
        open_describer(EmbedSpec(model="yolox-nano")).__enter__()


def test_grey_and_transparent_pictures_become_three_channels(tmp_path: Path) -> None:
    for name, shape in (("grey.png", (6, 4)), ("alpha.png", (6, 4, 4))):
        cv2.imwrite(str(tmp_path / name), np.full(shape, 77, np.uint8))
        picture = read_picture(tmp_path / name)
        assert not isinstance(picture, str)
        assert picture.shape == (6, 4, 3)
