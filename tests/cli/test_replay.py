"""`edge eval replay` as its user runs it."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from eval_command import Ended, eval_command
from market_like import MarketLike, name_of, write_generated, write_market_like

KEYS = ("idf1", "pair_f1", "pair_precision", "pair_recall", "identities", "revisions", "p50_ms", "p95_ms")
PEOPLE, CAMERAS, DIM = 30, 3, 48


@dataclass(frozen=True)
class Walkers:
    folder: Path
    features: Path


@pytest.fixture(scope="module")
def walkers(tmp_path_factory: pytest.TempPathFactory) -> Walkers:
    return write_walkers(tmp_path_factory.mktemp("walkers"), PEOPLE)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Walkers:
    return write_walkers(tmp_path_factory.mktemp("few"), 8)


def write_walkers(folder: Path, people: int) -> Walkers:
    """People as noisy vectors, each camera adding its own; the pictures themselves are empty files."""
    rng = np.random.default_rng(0)
    looks, casts = rng.standard_normal((people, DIM)), 1.2 * rng.standard_normal((CAMERAS, DIM))
    rows: dict[str, np.ndarray] = {}
    for person, camera in itertools.product(range(people), range(CAMERAS)):
        begin = 100 + 90 * person + 500 * camera
        for crop in range(1 + (person + camera) % 4):
            name = name_of(person + 1, camera + 1, begin + 8 * crop, sequence=1 + person // 15)
            rows[name] = looks[person] + casts[camera] + 0.5 * rng.standard_normal(DIM)
    for number in range(8):
        rows[name_of(0, 1 + number % CAMERAS, 300 + 10 * number)] = rng.standard_normal(DIM)
    gallery = folder / "bounding_box_test"
    gallery.mkdir()
    for name in [*rows, name_of(-1, 1, 77)]:
        (gallery / name).touch()
    file, names = folder / "features.npz", list(rows)
    made = np.stack(list(rows.values()))
    np.savez(file, query=made[:1], query_names=names[:1], gallery=made, gallery_names=names)
    return Walkers(folder, file)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> MarketLike:
    return write_market_like(tmp_path_factory.mktemp("market"), people=12, crops=3)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    return eval_command("replay", cache, monkeypatch, capsys)


@pytest.fixture
def score(run: Callable[..., Ended]) -> Callable[..., dict[str, Any]]:
    def run_and_read(folder: Path, *options: object) -> dict[str, Any]:
        ended = run(folder, *options, "--json")
        assert (ended.code, ended.err) == (0, "")
        content: dict[str, Any] = json.loads(ended.out)
        return content

    return run_and_read


def test_people_are_told_apart_without_any_network_and_without_a_query_folder(
    score: Callable[..., dict[str, Any]], walkers: Walkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_PRETRAINED", "")
    found = score(walkers.folder, "--features", walkers.features)
    assert set(KEYS) <= set(found)
    assert found["idf1"] >= 0.9
    assert found["first_idf1"] >= 0.8
    assert (found["tracklets"], found["people"], found["junk"]) == (PEOPLE * CAMERAS, PEOPLE, 1)
    assert found["model"] == str(walkers.features)
    without = score(walkers.folder, "--features", walkers.features, "--no-camera-mean")
    assert without["idf1"] < found["idf1"] - 0.1
    assert (found["camera_mean"], without["camera_mean"]) == (True, False)
    again = score(walkers.folder, "--features", walkers.features)
    timeless = [key for key in found if not key.endswith("_ms")]
    assert [again[key] for key in timeless] == [found[key] for key in timeless]


def test_distractors_are_sent_on_request(score: Callable[..., dict[str, Any]], few: Walkers) -> None:
    found = score(few.folder, "--features", few.features, "--distractors")
    assert (found["tracklets"], found["people"]) == (8 * CAMERAS + 8, 8 + 8)


def test_the_window_is_the_pipelines_unless_given(
    score: Callable[..., dict[str, Any]], few: Walkers, tmp_path: Path
) -> None:
    assert score(few.folder, "--features", few.features)["window_s"] == 120
    assert score(few.folder, "--features", few.features, "--window-s", 3)["window_s"] == 3
    file = tmp_path / "pipeline.yaml"
    file.write_text(
        "detect: {model: yolox-nano}\nembed: {model: reid-retail-0248}\nidentify: {revise_s: 200}\n"
    )
    assert score(few.folder, "--features", few.features, "--pipeline", file)["window_s"] == 200


def test_the_ablation_leaves_out_one_ingredient_after_the_other(
    run: Callable[..., Ended], score: Callable[..., dict[str, Any]], few: Walkers
) -> None:
    found = score(few.folder, "--features", few.features, "--ablation")
    assert list(found["ablation"]) == ["no_nfc", "no_camera_mean", "no_whiten", "no_calibration"]
    alone = score(few.folder, "--features", few.features, "--no-camera-mean")
    assert found["ablation"]["no_camera_mean"]["pair_f1"] == alone["pair_f1"]
    assert alone["pair_f1"] != found["pair_f1"]
    ended = run(few.folder, "--features", few.features, "--ablation")
    assert (ended.code, ended.err) == (0, "")
    assert "…" not in ended.out
    lines = [line.split("  ")[0] for line in ended.out.splitlines()]
    for title in ("everything", "no NFC", "no camera mean", "no whitening", "no learnt calibration"):
        assert any(line.startswith(title) for line in lines)


def test_pictures_go_through_a_real_network(
    run: Callable[..., Ended], score: Callable[..., dict[str, Any]], shared: Path, data: MarketLike
) -> None:
    found = score(data.folder, "--embed", "reid-retail-0248")
    assert found["model"].startswith("reid-retail-0248@")
    assert (found["tracklets"], found["crops"]) == (data.people * data.cameras, data.query * 2)
    assert found["idf1"] > 0.5
    both = score(data.folder, "--query")
    assert (both["tracklets"], both["crops"]) == (found["tracklets"], data.query * 3)
    words = " ".join(run(data.folder).out.split())
    for part in ("IDF1 0.", "pair F1 0.", "precision 0.", "identities", "revisions", "p50 ms", "p95 ms"):
        assert part in words


def test_files_that_cannot_be_used_are_counted_and_listed(
    run: Callable[..., Ended], shared: Path, data: MarketLike, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(data.folder, folder)
    (folder / "bounding_box_test" / name_of(1, 1, 999_999)).write_bytes(b"no picture")
    (folder / "bounding_box_test" / "IMG.jpg").touch()
    ended = run(folder)
    assert ended.code == 0
    assert ended.err.splitlines()[0] == "skipped 2 files:"
    assert "is no picture that can be decoded" in ended.err


def test_generated_pictures_join_and_the_ablation_leaves_them_out(
    run: Callable[..., Ended], score: Callable[..., dict[str, Any]], data: MarketLike, tmp_path: Path
) -> None:
    write_generated(data, tmp_path, lambda stem, pose: f"pose{pose}/{stem}.jpg", poses=2)
    options = ("--embed", "demo-reid", "--ipg", tmp_path)
    found = score(data.folder, *options, "--ablation")
    plain = score(data.folder, "--embed", "demo-reid")
    without = found["ablation"]["no_prototypes"]
    assert without["pair_f1"] == plain["pair_f1"] != found["pair_f1"]
    assert score(data.folder, *options, "--eta", 0)["pair_f1"] == plain["pair_f1"]
    ended = run(data.folder, *options, "--ablation")
    assert "no generated views" in ended.out
    ended = run(data.folder, "--embed", "demo-reid", "--ipg", tmp_path / "nowhere")
    assert ended.code == 2
    assert "nowhere: holds neither query_gen/ nor bounding_box_test_gen/" in ended.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--eta", "1"], "--eta: is the weight of generated pictures; give --ipg DIR too"),
        (["--features", "b", "--ipg", "c"], "generated pictures are described by a model, so --ipg needs"),
        (["--embed", "a", "--features", "b"], "--embed and --features exclude each other; give one of them"),
        (["--window-s", "0"], "--window-s: must be seconds above 0, at most a year (got 0)"),
        (["--window-s", "nan"], "--window-s: must be seconds above 0, at most a year (got nan)"),
        (["--ablation", "--no-nfc"], "--ablation: leaves out one ingredient after the other by itself"),
        (["--embed", "resnet"], "no model card 'resnet'; there are: "),
        (["--embed", "yolox-nano"], "model 'yolox-nano' is made to detect, not to embed"),
        (["--features", "nowhere.npz"], "nowhere.npz: no such file"),
        (["--pipeline", "nowhere"], "no pipeline is called 'nowhere'; there are: "),
        (["--query"], "has no folder query/"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(
    run: Callable[..., Ended], walkers: Walkers, options: list[str], message: str
) -> None:
    ended = run(walkers.folder, *options)
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 1
    assert message in ended.err


def test_a_set_that_cannot_be_scored_is_exit_code_2(run: Callable[..., Ended], tmp_path: Path) -> None:
    def line() -> str:
        ended = run(tmp_path)
        assert (ended.code, len(ended.err.splitlines())) == (2, 1)
        return ended.err

    assert "has no folder bounding_box_test/" in line()
    gallery = tmp_path / "bounding_box_test"
    gallery.mkdir()
    assert "holds no picture of anybody" in line()
    (gallery / name_of(1, 1, 5)).touch()
    (gallery / name_of(2, 2, 5)).touch()
    assert "holds nobody whom two cameras saw, so nothing can be scored" in line()
    (gallery / name_of(1, 2, 50)).touch()
    assert run(tmp_path).code in (2, 3)  # empty pictures, or no weights here
    assert "is not a folder; give the one that holds bounding_box_test/" in run(tmp_path / "no").err


def test_help_says_what_there_is_and_imports_nothing_that_computes() -> None:
    code = (
        "import sys; sys.argv = ['edge', 'eval', 'replay', '--help']; from edge.cli.main import main\n"
        "try:\n    main()\n"
        "finally:\n    print(sorted({'cv2', 'numpy', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"
    for option in ("--data", "--embed", "--features", "--pipeline", "--window-s", "--no-nfc", "--ablation"):
        assert option in done.stdout


def test_the_reliability_curve_is_drawn(
    run: Callable[..., Ended], score: Callable[..., dict[str, Any]], few: Walkers, tmp_path: Path
) -> None:
    picture = tmp_path / "curves" / "reliability.svg"
    found = score(few.folder, "--features", few.features, "--plot", picture)
    points = ElementTree.parse(picture).getroot().findall(".//{*}circle")
    assert len(points) == len(found["reliability"]) > 1
    assert f"{found['ece']:.3f}" in picture.read_text(encoding="utf-8")
    assert found["ece"] == pytest.approx(
        sum(abs(said - was) * count for said, was, count in found["reliability"])
        / sum(count for *_, count in found["reliability"])
    )
    ended = run(few.folder, "--features", few.features, "--plot", few.folder)
    assert ended.code == 2
    assert "--plot" in ended.err
