"""The training of a generator, a few steps of a tiny one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("diffusers", reason="diffusers is not installed")
pytest.importorskip("PIL", reason="pillow is not installed")

from small_ipg import write_small_folder  # noqa: E402

from edge.errors import ConfigError, ModelError  # noqa: E402
from edge.ipg.album import Album  # noqa: E402
from edge.ipg.conditioning import Conditioner  # noqa: E402
from edge.ipg.skeleton import standard_skeletons  # noqa: E402
from edge.ipg.training import Outcome, train  # noqa: E402
from edge.ipg.training_batches import Batch, BatchMaker  # noqa: E402
from edge.ipg.training_loss import Learner, min_snr_weights  # noqa: E402
from edge.ipg.training_options import TrainingOptions  # noqa: E402
from edge.ipg.training_start import open_start  # noqa: E402
from edge.nets.checkpoint_files import pack  # noqa: E402
from edge.nets.checkpoints import load_nets, verify_folder  # noqa: E402
from edge.nets.ipg import IpgNets  # noqa: E402
from edge.nets.machine import OneDevice  # noqa: E402
from edge.nets.reference_attention import ReferenceReader  # noqa: E402
from edge.nets.training import Budget  # noqa: E402

FEW = TrainingOptions(references=2, targets=2, rate=1e-3, warm_steps=1, average=0.5, seed=3)


@pytest.fixture(autouse=True)
def few_threads() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_folder(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def album() -> Album:
    """Three people, two pictures to be shown and two to be drawn of each."""
    rng = np.random.default_rng(0)
    points = np.stack([one.points for one in standard_skeletons()])
    return Album(
        pictures=list(rng.integers(0, 256, (12, 128, 64, 3), dtype=np.uint8)),
        people=np.repeat(np.array([4, 7, 9]), 4),
        points=points[np.arange(12) % 8],
        shown=np.tile([True, True, False, False], 3),
        drawn=np.tile([False, False, True, True], 3),
    )


def begin(weights: Path, stage: int = 1) -> IpgNets:
    return open_start(weights, stage, "cpu", 1).nets


def run(
    nets: IpgNets, album: Album, out: Path, *, steps: int = 3, options: TrainingOptions = FEW, **more: Any
) -> Outcome:
    return train(album, nets, options, Budget(steps=steps), out, machine=OneDevice(), device="cpu", **more)


def states(nets: IpgNets, names: Sequence[str]) -> dict[str, Any]:
    return {
        f"{name}.{key}": tensor.clone()
        for name in names
        for key, tensor in getattr(nets, name).state_dict().items()
    }


def test_a_batch_depends_on_its_number_and_seed_alone(weights: Path, album: Album) -> None:
    nets = begin(weights)
    one, again, other = (
        BatchMaker(album, nets, FEW),
        BatchMaker(album, nets, FEW),
        BatchMaker(album, nets, FEW, 1),
    )
    one[0], one[5]
    for name in ("shown", "features", "owners", "clean", "noise", "times", "poses"):
        assert torch.equal(getattr(one[2], name), getattr(again[2], name))
    assert not torch.equal(one[2].noise, other[2].noise)
    assert not torch.equal(one[2].noise, one[3].noise)


def test_who_is_drawn_is_who_is_shown(weights: Path, album: Album) -> None:
    nets = begin(weights)
    maker = BatchMaker(album, nets, replace(FEW, dropout=0.5))
    known = [maker._encoded([row])[0] for row in range(12)]

    def person(latents: Any) -> int:
        [row] = [row for row in range(12) if torch.equal(known[row], latents)]
        return int(album.people[row])

    for number in range(6):
        batch = maker[number]
        assert [person(batch.clean[row]) for row in range(4)] == [
            person(batch.shown[owner]) for owner in batch.owners
        ]


def test_the_share_that_is_drawn_without_an_identity_is_the_options(weights: Path, album: Album) -> None:
    nets = begin(weights)
    few = BatchMaker(album, nets, replace(FEW, dropout=0.25))
    assert 0.15 < np.mean([few[number].alone / 4 for number in range(60)]) < 0.35
    assert BatchMaker(album, nets, replace(FEW, dropout=0.0))[0].alone == 0


def test_min_snr_counts_the_last_level_fully_and_clear_levels_less() -> None:
    levels = torch.tensor([0.0, 0.5, 0.8, 0.99])  # snr + 1 = 1, 2, 5, 100
    assert min_snr_weights(levels, 5.0).tolist() == pytest.approx([1, 1, 1, 0.05], rel=1e-4)
    assert min_snr_weights(levels, 0.0).tolist() == [1, 1, 1, 1]


def loss_by_hand(nets: IpgNets, batch: Batch, gamma: float) -> float:
    """Each picture by itself, with the parts that draw pictures."""
    from edge.ipg.schedule import alphas_cumprod
    from edge.nets.reference_attention import ReferenceWriter, write_bank

    writer, reader = ReferenceWriter(nets.reference_unet), ReferenceReader(nets.denoising_unet)
    nobody = Conditioner(nets, reader, bank_half=False).nobody()
    writer = ReferenceWriter(nets.reference_unet)
    losses = []
    for row, owner in enumerate(batch.owners.tolist()):
        level = alphas_cumprod()[batch.times[row]]
        clean, noise = batch.clean[row : row + 1], batch.noise[row : row + 1]
        noisy = level.sqrt() * clean + (1 - level).sqrt() * noise
        wanted = level.sqrt() * noise - (1 - level).sqrt() * clean
        pose = nets.pose_guider(batch.poses[row : row + 1])
        if row < batch.alone:
            predicted = nets.denoising_unet.denoise(noisy, batch.times[row], nobody[None], pose)
        else:
            tokens = nets.ifr(batch.features[owner : owner + 1])
            bank = reader.project(
                write_bank(writer, nets.reference_unet, batch.shown[owner : owner + 1], tokens)
            )
            with reader.reading(bank):
                predicted = nets.denoising_unet.denoise(noisy, batch.times[row], tokens, pose)
        losses.append(min_snr_weights(level, gamma) * (predicted - wanted).square().mean())
    return float(torch.stack(losses).mean())


@pytest.mark.parametrize("dropout", [0.0, 0.5, 0.99])
def test_the_loss_is_that_of_each_picture_by_itself(weights: Path, album: Album, dropout: float) -> None:
    nets = begin(weights)
    batch = BatchMaker(album, nets, replace(FEW, dropout=dropout))[1]
    with torch.no_grad():
        expected = loss_by_hand(nets, batch, 5.0)
        assert float(Learner(nets, 1, 5.0)(batch)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("stage", "stay"), [(1, ()), (2, ("ifr", "reference_unet"))])
def test_each_stage_trains_its_networks(
    weights: Path, album: Album, tmp_path: Path, stage: int, stay: tuple[str, ...]
) -> None:
    nets = begin(weights, stage)
    names = ("ifr", "pose_guider", "reference_unet", "denoising_unet", "reid", "vae")
    before = states(nets, names)
    run(nets, album, tmp_path, options=replace(FEW, stage=stage))
    after = states(nets, names)
    moved = {key.partition(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert moved == {"ifr", "pose_guider", "reference_unet", "denoising_unet"} - set(stay)


def test_an_interrupted_training_goes_on_to_the_very_same_weights(
    weights: Path, album: Album, tmp_path: Path
) -> None:
    straight = run(begin(weights), album, tmp_path / "straight", steps=4)
    seen: list[int] = []

    def stop(step: int, progress: float, loss: float) -> None:
        seen.append(step)
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(begin(weights), album, tmp_path / "parts", steps=4, on_step=stop)
    resumed = run(begin(weights), album, tmp_path / "parts", steps=4, on_step=stop_never(seen))
    assert seen == [1, 2, 3, 4]
    assert resumed.resumed
    assert not straight.resumed
    one, other = load_nets(straight.weights), load_nets(resumed.weights)
    names = ("ifr", "pose_guider", "reference_unet", "denoising_unet")
    expected, found = states(one, names), states(other, names)
    assert [key for key in expected if not torch.equal(expected[key], found[key])] == []


def stop_never(seen: list[int]) -> Any:
    return lambda step, progress, loss: seen.append(step)


def test_a_training_with_other_options_is_not_mixed_in(weights: Path, album: Album, tmp_path: Path) -> None:
    run(begin(weights), album, tmp_path, steps=1)
    with pytest.raises(ConfigError, match=r"belongs to another run .*gamma 5.0.*gamma 2.0"):
        run(begin(weights), album, tmp_path, steps=2, options=replace(FEW, gamma=2.0))


def test_what_is_written_are_the_averaged_weights_as_the_generator_reads_them(
    weights: Path, album: Album, tmp_path: Path
) -> None:
    nets = begin(weights)
    before = states(nets, ["denoising_unet"])
    outcome = run(nets, album, tmp_path, steps=2, options=replace(FEW, average=0.9))
    assert [report.status for report in verify_folder(outcome.weights)] == ["ok"] * 6
    written = states(load_nets(outcome.weights), ["denoising_unet"])
    learned = states(nets, ["denoising_unet"])
    name = "denoising_unet.conv_out.weight"
    # Both steps know little, so the average follows quickly: keep 1/11, then 2/12.
    moved = (written[name] - learned[name]).norm() / (before[name] - learned[name]).norm()
    assert 0 < float(moved) < 0.5


def test_pictures_are_drawn_on_the_way(weights: Path, album: Album, tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []

    class Curves:
        def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
            told.append((tag, global_step))

        def add_image(self, tag: str, img_tensor: Any, global_step: int, *, dataformats: str) -> None:
            assert img_tensor.shape == (3 * 128, 7 * 64, 3)
            told.append((tag, global_step))

    outcome = run(begin(weights), album, tmp_path, steps=3, sample_every=2, scalars=Curves())
    assert [path.name for path in outcome.samples] == ["0000002.png", "0000003.png"]
    assert all(path.is_file() for path in outcome.samples)
    assert [step for tag, step in told if tag == "loss"] == [1, 2, 3]
    assert [step for tag, step in told if tag == "samples"] == [2, 3]


def test_the_second_stage_wants_what_the_first_one_learnt(tmp_path: Path) -> None:
    folder = write_small_folder(tmp_path / "weights")
    (folder / "IFR.pth").unlink()
    assert open_start(folder, 1, "cpu", 1).origins == {
        "ifr": "random",
        "pose_guider": "file",
        "reference_unet": "file",
        "denoising_unet": "file",
    }
    with pytest.raises(ModelError, match=r"stage 2 goes on .* holds no ifr; give the weights/"):
        open_start(folder, 2, "cpu", 1)
    (folder / "transformer_20.pth").unlink()
    with pytest.raises(ModelError, match=r"holds no transformer_20.pth"):
        open_start(folder, 1, "cpu", 1)


def test_random_weights_are_those_of_the_seed(tmp_path: Path) -> None:
    folder = write_small_folder(tmp_path / "weights")
    (folder / "IFR.pth").unlink()
    one, again, other = (open_start(folder, 1, "cpu", seed).nets.ifr for seed in (1, 1, 2))
    assert torch.equal(one.proj_motion.weight, again.proj_motion.weight)
    assert not torch.equal(one.proj_motion.weight, other.proj_motion.weight)


def test_all_networks_in_one_file_are_the_same_in_half_precision(weights: Path, tmp_path: Path) -> None:
    nets = load_nets(weights)
    pack(nets, tmp_path / "ipg.safetensors")
    (tmp_path / "ipg.json").write_bytes((weights / "ipg.json").read_bytes())
    packed = load_nets(tmp_path)
    assert [report.status for report in verify_folder(tmp_path)] == ["ok"] * 6
    for name in ("reid", "ifr", "pose_guider", "reference_unet", "denoising_unet", "vae"):
        for key, tensor in getattr(nets, name).state_dict().items():
            expected = tensor.half().float() if tensor.is_floating_point() else tensor
            assert torch.equal(getattr(packed, name).state_dict()[key], expected)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"stage": 3}, "--stage: must be 1 or 2 (got 3)"),
        ({"dropout": 1.0}, "--dropout: must be 0 or more and less than 1 (got 1.0)"),
        ({"noise_offset": -0.1}, "--noise-offset: must be within 0 and 1 (got -0.1)"),
        ({"rate": 0.0}, "--rate: must be more than 0 and at most 1 (got 0.0)"),
        ({"references": 0}, "--references: must be 1 or more (got 0)"),
    ],
)
def test_options_that_make_no_sense_are_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        TrainingOptions(**wrong)
    assert str(raised.value) == message
