"""The generator that comes with the project, on drawn people that it was not trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("diffusers", reason="diffusers is not installed")
pytest.importorskip("PIL", reason="pillow is not installed")

from edge.cli.held_out import describe_crops  # noqa: E402
from edge.config.catalog import load_card  # noqa: E402
from edge.config.weights import find_weights  # noqa: E402
from edge.ipg.fidelity import judge  # noqa: E402
from edge.ipg.folder import open_generator, weights_folder  # noqa: E402
from edge.ipg.generator import Pair  # noqa: E402
from edge.ipg.noise import make_noise  # noqa: E402
from edge.ipg.options import options_for  # noqa: E402
from edge.ipg.pictures import Reference  # noqa: E402
from edge.ipg.poses import pose_pictures  # noqa: E402
from edge.ipg.skeleton import standard_skeletons  # noqa: E402
from edge.site.picture_store import draw_crops  # noqa: E402

NOBODY_KNOWN = 90_000_000_000  # first seed of people that nothing was trained or tuned on
PEOPLE = 8


def test_it_draws_the_person_it_is_shown(tmp_path: Path) -> None:
    crops = draw_crops(tmp_path, NOBODY_KNOWN, PEOPLE, 4).images_bgr_pvhwc
    generator = open_generator("demo-ipg", options_for("fast", weights_folder("demo-ipg"), {}))
    poses = [generator.pose(one.name, one.image_rgb) for one in pose_pictures(standard_skeletons())]
    shown = [
        Reference(f"{number}", f"{number}", np.ascontiguousarray(views[0, :, :, ::-1]))
        for number, views in enumerate(crops)
    ]
    noise = make_noise(generator.options)
    pairs = [
        Pair(person, pose, one)
        for person, reference in enumerate(shown)
        for pose, one in enumerate(
            noise.draw(reference.name, [pose.name for pose in poses], generator.latent_shape)
        )
    ]
    drawn = generator.draw(generator.identify(shown), poses, pairs)
    owners = [pair.identity for pair in pairs]

    card = load_card("demo-reid")
    weights = find_weights(card)
    real = describe_crops(weights, card, list(crops[:, 1:].reshape(-1, *crops.shape[2:])))
    centres = real.reshape(PEOPLE, -1, real.shape[1]).mean(axis=1)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    pictures = describe_crops(weights, card, [np.ascontiguousarray(one[:, :, ::-1]) for one in drawn])
    cosines = (pictures @ centres.T).reshape(PEOPLE, len(poses), PEOPLE).mean(axis=1)
    own = np.diag(cosines)
    others = cosines[~np.eye(PEOPLE, dtype=bool)]
    assert own.mean() > others.mean() + 0.3
    assert (cosines.argmax(axis=1) == np.arange(PEOPLE)).mean() >= 0.6

    features = generator.describe([reference.image_rgb for reference in shown])
    verdict = judge(
        generator.describe(drawn),
        owners,
        features,
        list(range(PEOPLE)),
        similarity_min=generator.options.similarity_min,
    )
    assert verdict.kept.mean() > 0.8
