from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("diffusers", reason="diffusers is not installed")
pytest.importorskip("PIL", reason="pillow is not installed")

from PIL import Image  # noqa: E402
from small_ipg import write_small_folder  # noqa: E402

import edge  # noqa: E402
from edge.cli.generate import Request, draw_poses, generate  # noqa: E402
from edge.errors import ConfigError, MissingExtraError, ModelError, OutputError, RunError  # noqa: E402
from edge.evaluate.market import parse_name, read_generated  # noqa: E402
from edge.nets import checkpoints  # noqa: E402

LOADED: dict[str, Any] = {}
Capture = pytest.CaptureFixture[str]
NAMES = ("0002_c1s1_000451_03", "0007_c2s1_000100_01", "0007_c3s1_000200_01")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_folder(tmp_path_factory.mktemp("weights"))


@pytest.fixture(autouse=True)
def few_threads() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch, weights: Path) -> None:
    """Networks of the common folder are loaded once, since that takes longer than drawing with them."""
    real = checkpoints.load_nets

    def load(folder: Path, **how: Any) -> Any:
        if folder != weights:
            return real(folder, **how)
        key = repr(sorted(how.items(), key=str))
        if key not in LOADED:
            LOADED[key] = real(folder, **how)
        return LOADED[key]

    monkeypatch.setattr(checkpoints, "load_nets", load)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    folder = tmp_path / "query"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        save(folder / f"{name}.jpg", seed=number)
    return folder


@pytest.fixture
def poses(tmp_path: Path) -> Path:
    draw_poses(tmp_path / "poses", None)
    for number in range(3, 9):
        (tmp_path / "poses" / f"{number}.png").unlink()
    return tmp_path / "poses"


def save(path: Path, seed: int = 0, shape: tuple[int, ...] = (64, 32, 3)) -> None:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)).save(path)


@pytest.fixture
def request_(weights: Path, people: Path, poses: Path, tmp_path: Path) -> Request:
    return Request(
        weights, people, tmp_path / "out", pose_dir=poses, device="cpu", similarity_min=-1.0, json=True
    )


def run(request: Request, capsys: Capture) -> dict[str, Any]:
    capsys.readouterr()
    assert generate(request) == 0
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


def content(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_each_person_gets_a_canvas_and_single_pictures_that_edge_eval_finds(
    request_: Request, capsys: Capture
) -> None:
    told = run(request_, capsys)
    assert told["references"] == 3
    assert told["pictures"] == 6
    assert told["skipped"] == told["resumed"] == 0
    out = request_.out_dir
    for name in NAMES:
        with Image.open(out / f"{name}.jpg") as canvas:
            assert canvas.size == (5 * 128, 256)
    pictures = [parse_name(path) for path in sorted(request_.ref_dir.iterdir())]
    found, strangers = read_generated(out / "query_gen", [picture for picture in pictures if picture])
    assert {name: [path.name for path in paths] for name, paths in found.items()} == {
        name: ["1.png", "2.png"] for name in NAMES
    }
    assert strangers == []
    assert [name for name in content(out) if Path(name).name.startswith(".")] == []


def test_a_picture_depends_on_names_and_seed_and_a_second_run_has_nothing_to_do(
    request_: Request, capsys: Capture, tmp_path: Path
) -> None:
    run(request_, capsys)
    first = content(request_.out_dir)
    told = run(request_, capsys)
    assert (told["resumed"], told["pictures"]) == (3, 0)
    assert content(request_.out_dir) == first
    (request_.ref_dir / f"{NAMES[0]}.jpg").unlink()  # who else is there does not matter
    (request_.out_dir / f"{NAMES[2]}.jpg").unlink()  # as if it had been interrupted there
    single = request_.out_dir / "query_gen" / NAMES[2] / "2.png"
    single.unlink()
    told = run(request_, capsys)
    assert (told["resumed"], told["pictures"]) == (1, 2)
    assert content(request_.out_dir) == first
    other = replace(request_, out_dir=tmp_path / "other", seed=5)
    run(other, capsys)
    assert content(other.out_dir)[f"query_gen/{NAMES[2]}/2.png"] != first[f"query_gen/{NAMES[2]}/2.png"]


def test_other_settings_are_not_mixed_into_one_folder(request_: Request, capsys: Capture) -> None:
    run(request_, capsys)
    with pytest.raises(ConfigError, match=r"drawn with other options \(steps: 5, now 3\)"):
        generate(replace(request_, steps=3))
    save(request_.pose_dir / "1.png", seed=9)  # type: ignore[operator]
    with pytest.raises(ConfigError, match="drawn with other poses"):
        generate(request_)


def test_exact_and_everything_between_draw_too(request_: Request, capsys: Capture, tmp_path: Path) -> None:
    sizes = {}
    for name, changes in (
        ("exact", {"preset": "exact", "steps": 2, "upstream_seeds": True}),
        ("between", {"steps": 3, "guidance": 2.0, "scheduler": "ddim", "dtype": "float32", "memory_mb": 50}),
    ):
        given = replace(request_, out_dir=tmp_path / name, **changes)  # type: ignore[arg-type]
        assert run(given, capsys)["pictures"] == 6
        with Image.open(tmp_path / name / "query_gen" / NAMES[0] / "1.png") as picture:
            sizes[name] = picture.size
    assert sizes == {"exact": (64, 128), "between": (32, 64)}


def test_unusable_files_are_skipped_and_said(request_: Request, capsys: Capture) -> None:
    folder = request_.ref_dir
    (folder / "text.jpg").write_text("no picture", encoding="utf-8")
    (folder / "notes.txt").write_text("no picture", encoding="utf-8")
    save(folder / "tiny.png", shape=(5, 3, 3))
    save(folder / "grey.png", shape=(64, 32))
    save(folder / "rgba.png", shape=(64, 32, 4))
    save(folder / f"{NAMES[0]}.png")
    (request_.pose_dir / "bad.png").touch()  # type: ignore[operator]
    told = run(request_, capsys)
    assert told["pictures"] == 10
    assert {Path(skip["file"]).name: skip["reason"] for skip in told["skips"]} == {
        "text.jpg": "is no picture that can be decoded",
        "notes.txt": "is no picture (.txt)",
        "tiny.png": "is too small (3x5 pixels; 16 or more on each side)",
        f"{NAMES[0]}.png": "has the name of another reference",
        "bad.png": "is empty (0 bytes)",
    }
    assert generate(replace(request_, json=False)) == 0
    said = capsys.readouterr()
    assert "5 people were done before" in said.out
    assert "tiny.png is too small" in said.err


def test_a_folder_in_market_1501s_layout_is_drawn_in_both_parts(
    request_: Request, capsys: Capture, tmp_path: Path
) -> None:
    top = tmp_path / "market"
    (top / "bounding_box_test").mkdir(parents=True)
    request_.ref_dir.rename(top / "query")
    save(top / "bounding_box_test" / f"{NAMES[0]}.bmp")
    assert run(replace(request_, ref_dir=top), capsys)["pictures"] == 8
    made = content(request_.out_dir)
    assert f"bounding_box_test/{NAMES[0]}.png" in made
    assert f"bounding_box_test_gen/{NAMES[0]}/2.png" in made
    assert f"query_gen/{NAMES[1]}/1.png" in made


def test_the_gate_keeps_pictures_out_and_counts_them(request_: Request, capsys: Capture) -> None:
    told = run(replace(request_, similarity_min=1.0), capsys)
    assert told["pictures"] == 0
    assert told["rejected_too_far"] + told["rejected_like_another"] == 6
    assert -1 <= told["similarity"] < 1
    made = content(request_.out_dir)
    assert sorted(made) == sorted(["generate.json", *(f"{name}.jpg" for name in NAMES)])
    assert run(replace(request_, similarity_min=1.0), capsys)["resumed"] == 3


def test_where_memory_is_too_small_the_person_is_skipped(
    request_: Request, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge.ipg.generator import Generator

    real = Generator.latents

    def greedy(self: Any, identities: Any, *others: Any, **named: Any) -> Any:
        if identities[0].reference.name == NAMES[1]:
            raise torch.OutOfMemoryError("out of memory")
        return real(self, identities, *others, **named)

    monkeypatch.setattr(Generator, "latents", greedy)
    told = run(request_, capsys)
    assert told["pictures"] == 4
    (skip,) = told["skips"]
    assert skip["reason"] == "not enough memory on 'cpu' to draw even one picture at a time"


def test_wrong_folders_and_options_are_explained(request_: Request, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for changes, said in (
        ({"pose_dir": empty}, "holds no picture of a pose; 'edge poses draw"),
        ({"ref_dir": empty}, "holds no picture of anybody"),
        ({"ref_dir": empty / "x"}, "is not a folder"),
        ({"ckpt_dir": empty / "x"}, "is not a folder; give the one with denoising_unet.pth"),
        ({"out_dir": request_.ref_dir}, "is the folder of the references"),
        ({"preset": "slow"}, "must be one of exact, fast"),
        ({"steps": 0}, "steps: must be within 1 and 1000"),
        ({"scheduler": "euler"}, "--scheduler: must be one of ddim, dpmpp"),
        ({"dtype": "int8"}, "--dtype: must be one of"),
        ({"memory_mb": 0}, "--memory-mb: must be 1 or more"),
        ({"keypoints": tmp_path / "k.json"}, "exclude each other"),
        ({"device": "abacus"}, "no device is called 'abacus'"),
        ({"device": "meta"}, "cannot be drawn on"),
    ):
        with pytest.raises(ConfigError, match=said):
            generate(replace(request_, **changes))  # type: ignore[arg-type]
    assert not request_.out_dir.exists()


def test_another_nets_checkpoint_is_refused_before_anything_is_written(
    request_: Request, tmp_path: Path
) -> None:
    folder = write_small_folder(tmp_path / "spoiled")
    (folder / "IFR.pth").write_bytes((folder / "pose_guider.pth").read_bytes())
    with pytest.raises(ModelError, match=r"not the ifr net's: 4 missing: norm_motion\.bias"):
        generate(replace(request_, ckpt_dir=folder))
    assert not request_.out_dir.exists()


def test_files_of_others_are_not_overwritten(request_: Request) -> None:
    request_.out_dir.mkdir()
    save(request_.out_dir / f"{NAMES[1]}.jpg")
    with pytest.raises(OutputError, match="is in the way"):
        generate(request_)
    blocked = request_.out_dir / "file"
    blocked.touch()
    with pytest.raises(OutputError, match="cannot be used"):
        generate(replace(request_, out_dir=blocked))


def test_a_full_disk_ends_the_run_with_one_line(
    request_: Request, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    import edge.ipg.folder as folder

    real, written = folder.save_picture, []

    def full(image: Any, path: Path) -> None:
        if len(written) == 3:
            path.parent.mkdir(parents=True)
            (path.parent / f".{path.name}.{os.getpid()}.new").symlink_to("/dev/full")
        written.append(path)
        real(image, path)

    monkeypatch.setattr(folder, "save_picture", full)
    with pytest.raises(RunError, match="No space left on device"):
        generate(request_)
    assert not any(path.name.startswith(".") for path in request_.out_dir.rglob("*"))
    monkeypatch.undo()
    assert run(request_, capsys)["resumed"] == 1


def test_a_missing_package_is_named(request_: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    import edge.cli.generate as module

    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "PIL" else object())
    with pytest.raises(
        MissingExtraError, match=r"needs the package 'pillow'; pip install 'edge-reid\[ipg\]'"
    ):
        generate(request_)


def test_an_interrupted_run_leaves_no_half_picture_and_goes_on(
    request_: Request, capsys: Capture, tmp_path: Path
) -> None:
    """The real command, stopped by Ctrl-C as soon as the first canvas is there."""
    for number in range(12):
        save(request_.ref_dir / f"extra{number}.jpg", seed=number)
    # Whoever started the tests in the background has Ctrl-C ignored, and programs take that over.
    start = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [
        *(sys.executable, "-c", f"{start}; from edge.cli.main import main; main()", "generate"),
        *("--device", "cpu"),
        *("--ckpt_dir", str(request_.ckpt_dir), "--ref_dir", str(request_.ref_dir)),
        *("--pose_dir", str(request_.pose_dir), "--out_dir", str(request_.out_dir)),
        *("--similarity-min", "-1", "--memory-mb", "1", "--json"),  # a picture at a time
    ]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(edge.__file__).resolve().parent.parent),
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 90
    while not list(request_.out_dir.glob("*.jpg")) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors.decode()
    made = content(request_.out_dir)
    assert 0 < len([name for name in made if name.endswith(".jpg")]) < 15
    for name in made:
        assert not Path(name).name.startswith(".")
        if name.endswith((".png", ".jpg")):
            with Image.open(request_.out_dir / name) as picture:
                picture.load()
    told = run(request_, capsys)
    assert told["resumed"] > 0
    assert len(list(request_.out_dir.glob("*.jpg"))) == 15


def test_upstreams_command_line_is_understood_and_every_option_arrives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from typer.testing import CliRunner

    import edge.cli.generate as module
    from edge.cli.main import app

    seen: list[Request] = []
    monkeypatch.setattr(module, "generate", lambda request: seen.append(request) or 3)
    upstream = "generate --ckpt_dir pretrained --pose_dir p --ref_dir r --out_dir o"
    every = (
        "generate --ckpt-dir w --ref-dir r --out-dir o --keypoints k.json --preset exact --steps 9 "
        "--guidance 2 --scheduler dpmpp --seed 4 --upstream-seeds --similarity-min 0.5 --device cuda:1 "
        "--dtype float16 --memory-mb 100 --compile --json"
    )
    for line in (upstream, every):
        assert CliRunner().invoke(app, line.split()).exit_code == 3
    assert seen == [
        Request(Path("pretrained"), Path("r"), Path("o"), pose_dir=Path("p")),
        Request(
            Path("w"),
            Path("r"),
            Path("o"),
            keypoints=Path("k.json"),
            preset="exact",
            steps=9,
            guidance=2.0,
            scheduler="dpmpp",
            seed=4,
            upstream_seeds=True,
            similarity_min=0.5,
            device="cuda:1",
            dtype="float16",
            memory_mb=100,
            compile=True,
            json=True,
        ),
    ]


def test_poses_are_drawn_from_a_file_of_keypoints(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"poses": {"jump": [[0.5, 0.5]] * 18}}), encoding="utf-8")
    assert draw_poses(tmp_path / "out", file, json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"poses": [str(tmp_path / "out" / "jump.png")]}
    assert draw_poses(tmp_path / "eight", None) == 0
    assert len(capsys.readouterr().out.splitlines()) == 8
    with Image.open(tmp_path / "eight" / "1.png") as picture:
        assert picture.size == (64, 128)
