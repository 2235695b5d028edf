"""The generator against upstream's recorded pipeline, with small nets; and what it does by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import arrays, fill, manifest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("diffusers", reason="diffusers is not installed")
pytest.importorskip("PIL", reason="pillow is not installed")

from small_ipg import write_small_folder  # noqa: E402

from edge.ipg.generator import Generator, OutOfMemory, Pair  # noqa: E402
from edge.ipg.noise import make_noise  # noqa: E402
from edge.ipg.options import PRESETS, Options  # noqa: E402
from edge.ipg.pictures import Reference, reference_of, to_pose_input, to_reid_input, to_vae_input  # noqa: E402
from edge.nets.checkpoints import load_nets  # noqa: E402
from edge.nets.ipg import IpgNets, build_nets  # noqa: E402
from edge.nets.sizes import IpgSizes  # noqa: E402

EXACT = replace(PRESETS["exact"], vae_half=False)  # the recordings did not round the VAE's weights


@pytest.fixture(scope="module")
def tiny(shared: Path) -> IpgNets:
    """tinyB: the real ReID net and IFR, small UNets, pose guider and VAE, with the oracle's weights."""
    parts = manifest(shared, "tinyB_manifest.json.gz")
    sizes = IpgSizes(
        picture_px=(128, 64), unet={**IpgSizes().unet, **parts["unet_config"]}, vae=parts["vae_config"]
    )
    with torch.device("meta"):
        nets = build_nets(sizes)
    fill(nets.reid, manifest(shared, "transreid_manifest.json"))
    fill(nets.ifr, manifest(shared, "ifr_manifest.json"))
    fill(nets.pose_guider, parts["pose_guider"])
    fill(nets.reference_unet, parts["reference"])
    fill(nets.denoising_unet, parts["denoising"])
    fill(nets.vae, parts["vae"])
    return nets


@pytest.fixture(scope="module")
def recorded(shared: Path) -> Any:
    return arrays(shared, "tinyB_pipeline_golden.npz")


@pytest.fixture(scope="module")
def reference(shared: Path) -> Reference:
    pixels = arrays(shared, "preprocess_golden.npz")["ref_decoded_rgb_u8"]
    return reference_of(Path("rgb1.jpg"), pixels)


def pose_files(recorded: Any) -> list[Any]:
    """The recorded poses as picture files have them: they have the recorded size, so nothing was resized."""
    pixels = np.round(recorded["pose_tensor"][:, :, 0] * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    return [np.ascontiguousarray(one[:, :, ::-1]) for one in pixels]


def test_inputs_are_those_of_the_oracle(shared: Path, recorded: Any, reference: Reference) -> None:
    golden = arrays(shared, "preprocess_golden.npz")
    image = reference.image_rgb
    pose = np.ascontiguousarray(golden["pose_decoded_bgr_u8"][:, :, ::-1])
    for mine, theirs in (
        (to_reid_input(image, (256, 128)), golden["reid_input_rgb1"]),
        (to_vae_input(image, (512, 256)), golden["ref_tensor_rgb1"]),
        (to_pose_input(pose, (512, 256)), golden["pose_tensor_1"][:, 0]),
        (to_vae_input(image, (128, 64)), recorded["ref_tensor"]),
        (to_reid_input(image, (256, 128)), recorded["reid_input"]),
    ):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


@pytest.mark.parametrize(
    ("variant", "options", "latents_atol", "images_atol"),
    [
        ("", replace(EXACT, steps=4), 3e-3, 2e-3),
        ("_bank32", replace(EXACT, steps=4, bank_half=False), 1e-3, 1e-3),
        ("_guidance1", replace(EXACT, steps=4, guidance=1.0), 1e-3, 1e-3),
    ],
)
def test_the_pipeline_is_that_of_the_oracle(
    tiny: IpgNets,
    recorded: Any,
    reference: Reference,
    variant: str,
    options: Options,
    latents_atol: float,
    images_atol: float,
) -> None:
    generator = Generator(tiny, options)
    (identity,) = generator.identify([reference])
    poses = [generator.pose(str(number), image) for number, image in enumerate(pose_files(recorded), 1)]
    np.testing.assert_allclose(identity.feature, recorded["reid_features"][1], atol=5e-4, rtol=1e-4)
    np.testing.assert_allclose(identity.tokens, recorded["feature_embeds"][3], atol=2e-4)
    np.testing.assert_allclose(generator._conditioner.nobody(), recorded["feature_embeds"][0], atol=2e-4)
    np.testing.assert_allclose(poses[1].features, recorded["pose_fea"][1, :, 0], atol=2e-5)
    noise = torch.from_numpy(recorded["init_latents"])
    pairs = [Pair(0, row, noise[row]) for row in range(2)]
    steps: list[Any] = []
    predictions: list[Any] = []
    net = generator.nets.denoising_unet
    watching = net.register_forward_hook(lambda module, given, out: predictions.append(out[0].clone()))
    try:
        images = generator.draw(
            [identity], poses, pairs, on_step=lambda _, latents: steps.append(latents.clone())
        )
    finally:
        watching.remove()
    assert len(steps) == 4
    for mine, theirs in zip(steps, recorded[f"latents{variant}"], strict=True):
        np.testing.assert_allclose(mine, theirs[:, :, 0], atol=latents_atol)
    if variant != "_guidance1":
        for mine, theirs in zip(predictions, recorded[f"noise_pred{variant}"], strict=True):
            np.testing.assert_allclose(mine, theirs[:, :, 0], atol=latents_atol)
    for mine, theirs in zip(images, recorded[f"images{variant}"], strict=True):
        levels = theirs[:, 0].transpose(1, 2, 0) * 255
        assert (
            np.abs(mine + 0.5 - levels).max() <= 0.5 + 255 * images_atol
        )  # ours are cut off to whole levels


def test_noise_in_sequence_is_that_of_the_oracle(shared: Path) -> None:
    golden = arrays(shared, "tinyB_e2e_golden.npz")
    noise = make_noise(replace(EXACT, upstream_seeds=True))
    for name, recorded in zip(("rgb1", "rgb2"), golden["init_latents"], strict=True):
        np.testing.assert_array_equal(noise.draw(name, ["1", "2"], (4, 64, 32)), recorded)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_end_to_end_recording_of_the_oracle(
    tiny: IpgNets, shared: Path, recorded: Any, reference: Reference
) -> None:
    """20 steps at 256 x 512. Only the first reference's picture is known."""
    golden = arrays(shared, "tinyB_e2e_golden.npz")
    nets = replace(tiny, sizes=replace(tiny.sizes, picture_px=(512, 256)))
    generator = Generator(nets, EXACT)
    first = torch.from_numpy(golden["init_latents"][0])
    (identity,) = generator.identify([reference])
    np.testing.assert_allclose(identity.tokens, golden["feature_embeds"][0, 1], atol=2e-4)
    poses = [generator.pose(str(number), image) for number, image in enumerate(pose_files(recorded), 1)]
    last: dict[str, Any] = {}
    images = generator.draw(
        [identity],
        poses,
        [Pair(0, row, first[row]) for row in range(2)],
        on_step=lambda _, latents: last.update(latents=latents),
    )
    np.testing.assert_allclose(last["latents"], golden["final_latents"][0, :, :, 0], atol=5e-3)
    for mine, theirs in zip(images, golden["images_u8"][0], strict=True):
        assert np.abs(mine.astype(int) - theirs.astype(int)).max() <= 2


# --- with random weights, smaller still


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> IpgNets:
    return load_nets(write_small_folder(tmp_path_factory.mktemp("weights")))


def people(count: int) -> list[Reference]:
    levels = np.random.default_rng(0).integers(0, 255, (count, 40, 20, 3), dtype=np.uint8)
    return [reference_of(Path(f"{number}.jpg"), image) for number, image in enumerate(levels, 1)]


@pytest.fixture
def fast(small: IpgNets) -> Generator:
    return Generator(small, PRESETS["fast"])


def drawn(generator: Generator, identities: Any, poses: Any) -> dict[tuple[int, int], Any]:
    noise = make_noise(generator.options)
    pairs = []
    for row, identity in enumerate(identities):
        names = [pose.name for pose in poses]
        for column, one in enumerate(noise.draw(identity.reference.name, names, generator.latent_shape)):
            pairs.append(Pair(row, column, one))
    images = generator.draw(identities, poses, pairs)
    return {(pair.identity, pair.pose): image for pair, image in zip(pairs, images, strict=True)}


def some_poses(generator: Generator, count: int) -> list[Any]:
    images = np.random.default_rng(1).integers(0, 255, (count, 16, 8, 3), dtype=np.uint8)
    return [generator.pose(str(number), image) for number, image in enumerate(images)]


def test_fast_pictures_depend_on_identity_and_pose_and_on_no_neighbour_in_the_batch(fast: Generator) -> None:
    identities, poses = fast.identify(people(2)), some_poses(fast, 2)
    together = drawn(fast, identities, poses)
    assert all(image.shape == (64, 32, 3) for image in together.values())  # half size: ReID looks at 64 x 32
    assert len({image.tobytes() for image in together.values()}) == 4
    alone = drawn(fast, fast.identify(people(2)[1:]), poses)
    for pose in (0, 1):
        near = np.abs(alone[0, pose].astype(int) - together[1, pose].astype(int)).max()
        assert near <= 1


def test_the_reference_itself_steers_not_only_its_tokens(fast: Generator) -> None:
    one, other = fast.identify(people(2))
    poses = some_poses(fast, 1)
    mixed = replace(one, bank=other.bank)
    images = drawn(fast, [one, mixed], poses)
    assert not np.array_equal(images[0, 0], images[1, 0])


@pytest.mark.parametrize(
    ("changes", "evaluations"),
    [
        ({}, 5 + 1),  # five steps, pushed in three of them, renewed in the first of these
        ({"guidance_every": 1}, 5 + 3),
        ({"guidance": 1.0}, 5),
        ({"guidance_from": 0.0, "guidance_to": 1.0, "guidance_every": 1}, 5 + 5),
        ({"steps": 3, "guidance": 0.0, "unguided": "unconditional"}, 3),
    ],
)
def test_no_row_is_computed_that_is_not_needed(
    small: IpgNets, changes: dict[str, Any], evaluations: int
) -> None:
    generator = Generator(small, replace(PRESETS["fast"], **changes))
    identities, poses = generator.identify(people(1)), some_poses(generator, 2)
    generator._conditioner.nobody()
    rows: list[int] = []
    encoded: list[int] = []
    hooks = [
        small.denoising_unet.register_forward_hook(lambda module, given, out: rows.append(len(out[0]))),
        small.reference_unet.register_forward_hook(lambda module, given, out: encoded.append(1)),
    ]
    try:
        drawn(generator, identities, poses)
        assert sum(rows) == 2 * evaluations
        assert encoded == []
        generator.identify(people(3))
        assert encoded == [1]  # three references, one pass
    finally:
        for hook in hooks:
            hook.remove()


def test_a_batch_that_does_not_fit_is_halved(fast: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    identities, poses = fast.identify(people(3)), some_poses(fast, 3)
    expected = drawn(fast, identities, poses)
    tried: list[int] = []
    real = fast.latents

    def greedy(identities: Any, poses: Any, pairs: Any, **others: Any) -> Any:
        tried.append(len(pairs))
        if len(pairs) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return real(identities, poses, pairs, **others)

    monkeypatch.setattr(fast, "latents", greedy)
    images = drawn(fast, identities, poses)
    assert tried == [9, 4, 2, 2, 2, 2, 1]
    assert fast.pairs_max == 2
    for pair, image in images.items():
        assert np.abs(image.astype(int) - expected[pair].astype(int)).max() <= 1


def test_where_not_even_one_fits_it_says_so(fast: Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    identities, poses = fast.identify(people(1)), some_poses(fast, 1)

    def greedy(*arguments: Any, **others: Any) -> Any:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(fast, "latents", greedy)
    with pytest.raises(OutOfMemory, match="not enough memory on 'cpu' to draw even one picture"):
        drawn(fast, identities, poses)


def test_another_error_is_not_taken_for_a_lack_of_memory(
    fast: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    identities, poses = fast.identify(people(1)), some_poses(fast, 1)

    def broken(*arguments: Any, **others: Any) -> Any:
        raise RuntimeError("shapes cannot be multiplied")

    monkeypatch.setattr(fast, "latents", broken)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        drawn(fast, identities, poses)


def test_the_memory_figure_bounds_the_batch(small: IpgNets) -> None:
    roomy, tight = (
        Generator(small, replace(PRESETS["fast"], memory_bytes=figure)).pairs_max for figure in (1 << 24, 1)
    )
    assert roomy > 8
    assert tight == 1


def test_bfloat16_draws_much_the_same(tmp_path: Path) -> None:
    folder = write_small_folder(tmp_path)
    options = replace(PRESETS["fast"], decode="full")
    half, full = (
        Generator(load_nets(folder, dtype=dtype), options) for dtype in (torch.bfloat16, torch.float32)
    )
    images = [drawn(one, one.identify(people(1)), some_poses(one, 1))[0, 0] for one in (half, full)]
    assert images[0].shape == (128, 64, 3)
    assert 0 < np.abs(images[0].astype(int) - images[1].astype(int)).mean() < 8
