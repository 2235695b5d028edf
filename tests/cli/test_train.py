"""``edge train ipg``, a few steps of a tiny generator."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("diffusers", reason="diffusers is not installed")
pytest.importorskip("PIL", reason="pillow is not installed")

from PIL import Image  # noqa: E402
from small_ipg import write_small_folder  # noqa: E402

from edge.cli import train as command  # noqa: E402
from edge.cli.generate import Request as Generate  # noqa: E402
from edge.cli.generate import generate  # noqa: E402
from edge.cli.train import Request, train_ipg  # noqa: E402
from edge.errors import ConfigError, MissingExtraError, ModelError  # noqa: E402

LEARNING = ("IFR", "pose_guider", "reference_unet", "denoising_unet")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a first stage begins with: the ReID network and the VAE."""
    folder = write_small_folder(tmp_path_factory.mktemp("weights"))
    for name in LEARNING:
        (folder / f"{name}.pth").unlink()
    return folder


@pytest.fixture(autouse=True)
def without_accelerate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accelerate keeps a state for the process's life; tests/nets/test_machine.py has it."""
    hide(monkeypatch, "accelerate")


def hide(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """As if a package were not installed."""
    for module in (command, __import__("edge.nets.machine", fromlist=["find_spec"])):
        real = module.find_spec
        monkeypatch.setattr(
            module, "find_spec", lambda name, real=real: None if name == package else real(name)
        )


def request(weights: Path, folder: Path, **more: Any) -> Request:
    given: dict[str, Any] = {
        "ckpt_dir": weights,
        "out": folder / "run",
        "cache": folder / "drawn",
        "steps": 2,
        "references": 2,
        "sample_every": 2,
        "device": "cpu",
        "threads": 1,
        "json": True,
    }
    if "data" not in more:
        given |= {"drawn": 2, "views": 2}
    return Request(**given | more)


def test_what_it_trains_is_what_generate_draws_with(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_ipg(request(weights, tmp_path)) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["steps"], first["resumed"], first["pictures"]) == (2, False, 8)
    assert set(first["begins_with"].values()) == {"random"}
    assert [Path(path).name for path in first["samples"]] == ["0000002.png"]

    second = request(Path(first["weights"]), tmp_path, stage=2, out=tmp_path / "second", sample_every=0)
    assert train_ipg(second) == 0
    done = json.loads(capsys.readouterr().out)
    assert set(done["begins_with"].values()) == {"file"}

    people = tmp_path / "people"
    people.mkdir()
    Image.fromarray(np.full((64, 32, 3), 90, np.uint8)).save(people / "0001_c1s1_000001_01.png")
    asked = Generate(
        Path(done["weights"]), people, tmp_path / "drawn-people", steps=1, similarity_min=-1.0, json=True
    )
    assert generate(asked) == 0
    assert json.loads(capsys.readouterr().out)["pictures"] == 8


def test_the_same_command_goes_on(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train_ipg(request(weights, tmp_path, steps=1, sample_every=0))
    train_ipg(request(weights, tmp_path, steps=2, sample_every=0))
    text = capsys.readouterr().out
    assert '"resumed": true' in text
    assert '"steps": 2' in text


@pytest.mark.slow
def test_several_processes_learn_one_set_of_weights(weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="accelerate is not installed")

    def trained(out: str, processes: int) -> tuple[dict[str, Any], dict[str, Any], str]:
        arguments = (
            "train ipg --drawn 4 --views 2 --references 2 --targets 2 --dropout 0.5 --steps 3 --rate 1e-2"
        )
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc_per_node", str(processes), "-m", "edge.cli.main", *arguments.split()]
        command += ["--device", "cpu", "--threads", "1", "--sample-every", "0", "--json"]
        command += ["--ckpt_dir", str(weights), "--out", str(tmp_path / out), "--cache", str(tmp_path / out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)  # one process alone reports
        return told, torch.load(Path(told["weights"]) / "IFR.pth", weights_only=True), done.stderr

    told, shared, said = trained("two", 2)
    assert "accelerate, 2 process(es), on cpu" in said
    assert (told["steps"], told["pictures"]) == (3, 16)
    _, alone, _ = trained("one", 1)
    key = "proj_motion.weight"
    assert torch.isfinite(shared[key]).all()
    assert not torch.equal(shared[key], alone[key])  # the second one's batches count


def test_curves_and_samples_go_to_tensorboard(weights: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    train_ipg(request(weights, tmp_path, tensorboard=True))
    [events] = (tmp_path / "run" / "tensorboard").iterdir()
    content = events.read_bytes()
    assert b"loss" in content
    assert b"samples" in content


def test_pictures_with_keypoints_are_trained_on(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from edge.ipg.skeleton import standard_skeletons

    for name, places in (("bounding_box_train", True), ("bounding_box_train_pose", False)):
        (tmp_path / "market" / name).mkdir(parents=True)
        for camera in (1, 2):
            file = tmp_path / "market" / name / f"0007_c{camera}s1_000001_01"
            if places:
                Image.fromarray(np.full((128, 64, 3), 40 * camera, np.uint8)).save(f"{file}.jpg")
            else:
                points = standard_skeletons()[camera].points.astype(float).tolist()
                rows = [None if np.isnan(row).any() else row for row in points]
                Path(f"{file}.json").write_text(json.dumps({"poses": {"own": rows}}), encoding="utf-8")
    (tmp_path / "market" / "bounding_box_train" / "0000_c1s1_000001_01.jpg").write_bytes(b"")
    assert train_ipg(request(weights, tmp_path, data=tmp_path / "market", steps=1)) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["pictures"] == 2
    assert "1 files were left out:" in captured.err
    assert "0000_c1s1_000001_01.jpg shows nobody in particular" in captured.err


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"drawn": None}, "give either --data DIR, pictures with keypoints, or --drawn PEOPLE"),
        ({"steps": None}, "give --steps N or --minutes M, how long to train"),
        ({"drawn": 1}, "--drawn: must be 2 or more (got 1)"),
        ({"minutes": 0.0}, "--minutes: must be more than 0 (got 0.0)"),
        ({"stage": 3}, "--stage: must be 1 or 2 (got 3)"),
        ({"precision": "fp8"}, "--precision: must be one of no, fp16, bf16 (got 'fp8')"),
    ],
)
def test_a_wrong_option_is_one_line(
    weights: Path, tmp_path: Path, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        train_ipg(request(weights, tmp_path, **wrong))
    assert str(raised.value) == message


def test_what_is_missing_is_named_with_the_remedy(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        ModelError, match=r"stage 2 goes on with what stage 1 has learnt, but .* holds no ifr"
    ):
        train_ipg(request(weights, tmp_path, stage=2))
    with pytest.raises(
        MissingExtraError, match=r"--precision bf16 needs the package 'accelerate'; pip install"
    ):
        train_ipg(request(weights, tmp_path, precision="bf16"))
    hide(monkeypatch, "tensorboard")
    with pytest.raises(
        MissingExtraError, match=r"--tensorboard needs the package 'tensorboard'; pip install"
    ):
        train_ipg(request(weights, tmp_path, tensorboard=True))


def test_an_interrupted_run_says_so_and_keeps_its_checkpoint(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import edge.ipg.training as training

    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "draw_grid", interrupt)
    assert train_ipg(request(weights, tmp_path, steps=5)) == 130
    assert "interrupted; run the same command again to go on" in capsys.readouterr().err
    assert (tmp_path / "run" / "checkpoint.pt").is_file()
    assert not (tmp_path / "run" / "weights").exists()


def test_the_command_line_reaches_every_option(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from edge.cli.main import app

    seen: list[Request] = []
    monkeypatch.setattr(command, "train_ipg", lambda request: seen.append(request) or 0)
    options = (
        "train ipg --ckpt_dir a --out b --stage 2 --data c --drawn 3 --views 5 --cache d --steps 7 "
        "--minutes 2 --references 4 --targets 6 --rate 0.1 --warm-steps 9 --average 0.5 --dropout 0.2 "
        "--gamma 3 --noise-offset 0.3 --seed 8 --device cpu --precision bf16 --threads 1 "
        "--sample-every 11 --json"
    )
    result = CliRunner().invoke(app, [*options.split(), "--tensorboard"])
    assert result.exit_code == 0, result.output
    assert seen == [
        Request(
            Path("a"), Path("b"), Path("c"), 3, 5, Path("d"), 2, 7, 2.0, 4, 6, 0.1, 9, 0.5, 0.2, 3.0, 0.3, 8,
            "cpu", "bf16", 1, 11, True, True,
        )
    ]  # fmt: skip
