"""From a job to a prototype, with a small random generator and the project's own ReID model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("diffusers", reason="diffusers is not installed")
pytest.importorskip("PIL", reason="pillow is not installed")

from small_ipg import write_small_folder

from edge.config.catalog import load_card
from edge.config.ipg import IpgSpec
from edge.errors import EdgeError, ModelError
from edge.ipg.drawing import PrototypePainter, drawing_options, open_painter
from edge.ipg.process import DRAWING, Setup
from edge.records import Crop, IpgJob


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_folder(tmp_path_factory.mktemp("ipg") / "small")


def setup_of(weights: Path, **given: object) -> Setup:
    spec = IpgSpec.model_validate({"model": str(weights), "steps": 2, "similarity_min": -1, **given})
    return Setup(
        spec=spec,
        store=weights / "unused.db",
        embed_model="demo-reid",
        embed_backend="auto",
        flip=False,
        model=load_card("demo-reid").fingerprint,
        store_ttl_s=1.0,
        store_bytes_max=1,
        painter=DRAWING,
    )


@pytest.fixture(scope="module")
def painter(weights: Path) -> PrototypePainter:
    return open_painter(setup_of(weights))


def job(identity: int, seed: int) -> IpgJob:
    image = np.random.default_rng(seed).integers(0, 255, size=(60, 30, 3)).astype(np.uint8)
    real = np.zeros(load_card("demo-reid").dim or 0, np.float32)
    real[0] = 1.0
    crop = Crop("door", identity, 3, 1_000 + seed, 0.7, image)
    return IpgJob(identity, crop, real, load_card("demo-reid").fingerprint, 1.0, 0)


def test_each_person_of_a_batch_gets_a_prototype_of_all_poses(painter: PrototypePainter) -> None:
    beats: list[int] = []
    jobs = [job(5, 1), job(8, 2)]
    found = painter.paint(jobs, lambda: beats.append(1))
    assert len(beats) >= 4, "after every step, so that it can pause and stop"
    for one, given in zip(found, jobs, strict=True):
        made = one.prototype
        assert (made.identity, made.version, made.rejected) == (given.identity, 0, 0)
        assert len(made.poses) == len(set(made.poses)) == 8
        assert made.generated.shape == (8, len(given.real))
        np.testing.assert_allclose(np.linalg.norm(made.generated, axis=1), 1.0, atol=1e-5)
        assert made.pictures_bgr_mhwc.shape[0] == 8
        assert made.pictures_bgr_mhwc.dtype == np.uint8
        assert (made.model, made.generator) == (given.model, painter.generator)
        assert made.reference is given.reference
    assert not np.allclose(found[0].prototype.generated, found[1].prototype.generated)


def test_the_same_reference_is_drawn_the_same_way_whoever_is_in_the_batch(painter: PrototypePainter) -> None:
    alone = painter.paint([job(5, 1)], lambda: None)[0].prototype
    together = painter.paint([job(9, 7), job(5, 1)], lambda: None)[1].prototype
    difference = np.abs(alone.pictures_bgr_mhwc.astype(int) - together.pictures_bgr_mhwc.astype(int))
    assert difference.mean() < 1.0


def test_the_poses_are_drawn_from_several_crops_in_turn(painter: PrototypePainter) -> None:
    first, second = job(5, 1), job(5, 2)
    both = replace(first, further=(second.reference,))
    mixed, other = (one.prototype for one in painter.paint([both, job(8, 3)], lambda: None))
    alone = [painter.paint([one], lambda: None)[0].prototype for one in (first, second)]
    assert mixed.reference is first.reference
    assert mixed.poses == other.poses == alone[0].poses
    for place in range(len(mixed.poses)):
        expected, foreign = (alone[number].pictures_bgr_mhwc[place].astype(int) for number in (0, 1))
        if place % 2:
            expected, foreign = foreign, expected
        made = mixed.pictures_bgr_mhwc[place].astype(int)
        assert np.abs(made - expected).mean() < 1.0
        assert np.abs(made - expected).mean() < np.abs(made - foreign).mean()
    [eighth] = (one.prototype for one in painter.paint([job(8, 3)], lambda: None))
    assert np.abs(other.pictures_bgr_mhwc.astype(int) - eighth.pictures_bgr_mhwc.astype(int)).mean() < 1.0


def test_crops_of_one_person_do_not_compete_in_the_gate(weights: Path) -> None:
    """Two alike crops: were they rivals, half of the pictures would be nearer to the other one."""
    lenient = open_painter(setup_of(weights, similarity_min=-0.999))
    alike = replace(job(5, 1), further=(replace(job(5, 1).reference, captured_at_ns=7),))
    (found,) = lenient.paint([alike], lambda: None)
    assert found.like_another == 0


def test_pictures_that_do_not_show_the_person_are_rejected_and_counted(weights: Path) -> None:
    strict = open_painter(setup_of(weights, similarity_min=1.0))
    (found,) = strict.paint([job(5, 1)], lambda: None)
    assert found.too_far + found.like_another == found.prototype.rejected == 8
    assert found.prototype.generated.shape == (0, len(job(5, 1).real))
    assert found.prototype.poses == ()
    assert len(found.prototype.pictures_bgr_mhwc) == 0


def test_the_fingerprint_follows_weights_and_settings(weights: Path, tmp_path: Path) -> None:
    first = open_painter(setup_of(weights)).generator
    assert open_painter(setup_of(weights, budget={"memory_mb": 64})).generator == first
    assert open_painter(setup_of(weights, steps=3)).generator != first
    other = write_small_folder(tmp_path / "small", seed=1)
    assert open_painter(setup_of(other)).generator != first


def test_missing_weights_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EdgeError, match="denoising_unet") as error:
        open_painter(setup_of(tmp_path / "empty"))
    assert "\n" not in str(error.value)


def test_a_live_model_that_has_changed_on_disk_is_refused(weights: Path) -> None:
    with pytest.raises(ModelError, match="other@1, but demo-reid@"):
        open_painter(replace(setup_of(weights), model="other@1"))


def test_the_pipeline_overrides_the_preset(tmp_path: Path) -> None:
    options = drawing_options(
        IpgSpec(preset="exact", steps=7, budget={"memory_mb": 3}),  # type: ignore[arg-type]
        tmp_path,
    )
    assert (options.steps, options.memory_bytes, options.similarity_min) == (7, 3 << 20, -1.0)
    assert drawing_options(IpgSpec(), tmp_path).similarity_min == 0.3
    (tmp_path / "ipg.json").write_text('{"fast": {"guidance": 1.5, "steps": 9}}', encoding="utf-8")
    advised = drawing_options(IpgSpec(steps=3), tmp_path)
    assert (advised.guidance, advised.steps) == (1.5, 3)
