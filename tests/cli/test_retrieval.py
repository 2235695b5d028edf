"""`edge eval retrieval` as its user runs it, on drawn people with the real reid-retail-0248."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from eval_command import Ended, eval_command
from market_like import MarketLike, name_of, write_generated, write_market_like

Edge = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> MarketLike:
    return write_market_like(tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests, so each picture is embedded once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(
    cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    return eval_command("retrieval", cache, monkeypatch, capsys)


@pytest.fixture
def score(run: Callable[..., Ended], shared: Path) -> Edge:
    def run_and_read(folder: Path, *options: object) -> dict[str, Any]:
        ended = run(folder, *options, "--json")
        assert (ended.code, ended.err) == (0, "")
        content: dict[str, Any] = json.loads(ended.out)
        return content

    return run_and_read


def test_json_has_the_scores_in_0_to_1_and_what_was_compared(score: Edge, data: MarketLike) -> None:
    found = score(data.folder, "--embed", "reid-retail-0248")
    assert 0.7 < found["map"] < 1
    assert found["map"] <= found["rank1"] <= found["rank5"] <= found["rank10"] <= 1
    assert 0 < found["id2"] < 0.5
    counts = {name: found[name] for name in ("queries", "gallery", "distractors", "junk", "people")}
    assert counts == {
        "queries": data.query,
        "gallery": data.gallery,
        "distractors": data.distractors,
        "junk": data.junk,
        "people": data.people,
    }
    assert (found["queries_unmatched"], found["skipped"], found["skips"]) == (0, 0, [])
    assert found["model"].startswith("reid-retail-0248@")


def test_the_pipelines_own_network_is_taken_unless_one_is_named(score: Edge, data: MarketLike) -> None:
    assert score(data.folder) == score(data.folder, "--embed", "reid-retail-0248")


def test_every_ingredient_does_what_it_is_for(score: Edge, data: MarketLike) -> None:
    plain = score(data.folder)
    mean = score(data.folder, "--camera-mean")
    assert mean["map"] > plain["map"] + 0.03  # the cameras have colour casts
    nfc = score(data.folder, "--nfc", "2,2")
    assert (nfc["nfc"], nfc["scope"]) == ([2, 2], "separate")
    assert nfc["id2"] < plain["id2"]
    other = score(data.folder, "--nfc", "4,4", "--scope", "joint", "--cross-camera", "--camera-mean")
    assert other["map"] > mean["map"]
    assert other["id2"] < mean["id2"]
    assert score(data.folder, "--nfc", "2,2", "--scope", "gallery")["map"] not in (plain["map"], nfc["map"])


def test_the_score_is_that_of_the_bare_network_ranked_by_hand(
    score: Edge, shared: Path, data: MarketLike
) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(shared / "data" / "models" / "reid_retail_0248.onnx"))

    def look(place: str) -> tuple[np.ndarray, list[tuple[str, str]]]:
        files = [path for path in (data.folder / place).iterdir() if not path.name.startswith("-1")]
        rows = []
        for path in files:
            picture = cv2.resize(cv2.imread(str(path)), (128, 256)).astype(np.float32)
            row = session.run(None, {"data": picture.transpose(2, 0, 1)[None]})[0][0]
            rows.append(row / np.linalg.norm(row))
        return np.stack(rows), [(path.name[:4], path.name[5:7]) for path in files]

    (query, asked), (gallery, known) = look("query"), look("bounding_box_test")
    precisions, first = [], 0
    for row, (person, camera) in zip(query @ gallery.T, asked, strict=True):
        order = [known[index] for index in np.argsort(-row)]
        hits = [who == person for who, where in order if not (who == person and where == camera)]
        ranks = np.flatnonzero(hits) + 1
        precisions.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
        first += hits[0]
    found = score(data.folder, "--embed", "reid-retail-0248")
    assert found["map"] == pytest.approx(np.mean(precisions), abs=1e-4)
    assert found["rank1"] == pytest.approx(first / len(query))


def test_reranking_changes_distances_and_not_features(score: Edge, data: MarketLike) -> None:
    plain, reranked = score(data.folder, "--camera-mean"), score(data.folder, "--camera-mean", "--rerank")
    assert reranked["map"] > plain["map"]
    assert reranked["id2"] == plain["id2"]


def test_generated_pictures_help(score: Edge, data: MarketLike, tmp_path: Path) -> None:
    count = write_generated(data, tmp_path, lambda stem, pose: f"pose{pose}/{stem}.jpg", poses=1)
    found = score(data.folder, "--ipg", tmp_path, "--eta", "2")
    assert (found["generated"], found["eta"]) == (count, 2)
    assert found["map"] > score(data.folder)["map"]
    ignored = score(data.folder, "--ipg", tmp_path, "--eta", "0")
    assert ignored["map"] == pytest.approx(score(data.folder)["map"], abs=0.005)


def test_people_get_a_table_that_says_what_was_done(
    run: Callable[..., Ended], shared: Path, data: MarketLike
) -> None:
    ended = run(data.folder, "--nfc", "2,2", "--camera-mean")
    assert (ended.code, ended.err) == (0, "")
    words = " ".join(ended.out.split())
    assert "camera means removed, NFC(2,2) separate" in words
    for part in ("mAP 0.", "rank-1 0.", "rank-5", "rank-10", "ID² 0.", f"{data.junk} junk ignored"):
        assert part in words


def test_files_that_cannot_be_used_are_counted_and_listed(
    run: Callable[..., Ended], score: Edge, data: MarketLike, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(data.folder, folder)
    broken = folder / "query" / name_of(1, 1, 999_999)
    broken.write_bytes(b"no picture")
    for number in range(25):
        (folder / "bounding_box_test" / f"IMG_{number:02d}.jpg").touch()
    (folder / "bounding_box_test" / "Thumbs.db").touch()
    found = score(folder)
    assert found["skipped"] == 26
    assert len(found["skips"]) == 20
    assert found["map"] == score(data.folder)["map"]
    ended = run(folder)
    assert ended.code == 0
    lines = ended.err.splitlines()
    assert lines[0] == "skipped 26 files:"
    assert lines[1].endswith("IMG_00.jpg: is not named like 0002_c1s1_000451_03.jpg")
    assert lines[-1] == "  and 6 more"
    for path in folder.glob("*/IMG_*"):
        path.unlink()
    assert f"{broken}: is no picture that can be decoded" in run(folder).err


@pytest.fixture
def features(data: MarketLike, tmp_path: Path) -> Path:
    """Features that tell everybody apart, and that of one query missing."""
    file = tmp_path / "features.npz"
    names = {
        place: sorted(path.name for path in (data.folder / place).iterdir())
        for place in ("query", "bounding_box_test")
    }
    query, gallery = names["query"][1:], names["bounding_box_test"]
    rng = np.random.default_rng(0)
    looks = rng.standard_normal((data.people + 1, 16))

    def rows(listed: list[str]) -> np.ndarray:
        return np.stack([looks[max(int(name.split("_")[0]), 0)] for name in listed])

    np.savez(file, query=rows(query), query_names=query, gallery=rows(gallery), gallery_names=gallery)
    return file


def test_features_of_a_file_are_scored_without_any_network(
    run: Callable[..., Ended], data: MarketLike, features: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_PRETRAINED", "")
    ended = run(data.folder, "--features", features, "--nfc", "2,2", "--json")
    assert ended.code == 0
    found = json.loads(ended.out)
    assert found["map"] == found["rank1"] == 1
    assert found["id2"] == pytest.approx(0, abs=1e-6)
    assert (found["queries"], found["skipped"]) == (data.query - 1, 1)
    assert found["skips"][0]["reason"] == f"has no row in {features}"
    assert found["model"] == str(features)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--embed", "a", "--features", "b"], "--embed and --features exclude each other; give one of them"),
        (["--features", "b", "--ipg", "c"], "generated pictures are described by a model, so --ipg needs"),
        (["--nfc", "2"], "--nfc: must be two whole numbers, like 2,2 (got '2')"),
        (["--nfc", "2,x"], "--nfc: must be two whole numbers"),
        (["--nfc", "0,2"], "--nfc: both numbers must be 1 or more (got '0,2')"),
        (["--scope", "joint"], "--scope: says whose neighbours are added; give --nfc K1,K2 too"),
        (["--cross-camera"], "--cross-camera: says whose neighbours are added"),
        (["--nfc", "2,2", "--scope", "all"], "--scope: must be one of separate, joint, gallery (got 'all')"),
        (["--eta", "2"], "--eta: is the weight of generated pictures; give --ipg DIR too"),
        (["--ipg", "x", "--eta", "-1"], "--eta: must be a number of 0 or more (got -1)"),
        (["--ipg", "x", "--eta", "nan"], "--eta: must be a number of 0 or more (got nan)"),
        (["--embed", "resnet"], "no model card 'resnet'; there are: "),
        (["--embed", "yolox-nano"], "model 'yolox-nano' is made to detect, not to embed"),
        (["--features", "nowhere.npz"], "nowhere.npz: no such file"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(
    run: Callable[..., Ended], data: MarketLike, options: list[str], message: str
) -> None:
    ended = run(data.folder, *options)
    assert (ended.code, ended.out) == (2, "")
    assert len(ended.err.splitlines()) == 1
    assert message in ended.err


def test_what_is_too_small_for_an_option_is_exit_code_2(
    run: Callable[..., Ended], shared: Path, data: MarketLike, tmp_path: Path
) -> None:
    def line(*options: object) -> str:
        ended = run(data.folder, *options)
        assert (ended.code, len(ended.err.splitlines())) == (2, 1)
        return ended.err

    assert "--nfc: K1 must be less than the number of pictures (got 60, the query" in line("--nfc", "60,2")
    assert "holds neither query_gen/ nor bounding_box_test_gen/" in line("--ipg", tmp_path)
    (tmp_path / "query_gen").mkdir()
    (tmp_path / "query_gen" / "portrait.jpg").touch()
    message = (
        "holds no usable picture generated for this set; the first of 1 files: portrait.jpg is not named"
    )
    assert message in line("--ipg", tmp_path)


def test_a_set_that_cannot_be_scored_is_exit_code_2(
    run: Callable[..., Ended], shared: Path, data: MarketLike, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(data.folder, folder)
    for path in (folder / "query").glob("*_c[23]s*"):
        path.unlink()
    for path in (folder / "bounding_box_test").glob("*_c[23]s*"):
        path.unlink()
    ended = run(folder)
    assert ended.code == 2
    assert "nobody in query/ is in bounding_box_test/ in another camera" in ended.err
    shutil.rmtree(folder / "query")
    assert "has no folder query/" in run(folder).err


def test_unreadable_pictures_alone_are_exit_code_2(
    run: Callable[..., Ended], shared: Path, data: MarketLike, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(data.folder, folder)
    for path in (folder / "query").iterdir():
        path.write_bytes(b"")
    ended = run(folder)
    assert ended.code == 2
    assert f"query: none of the {data.query} pictures can be used; the first is empty" in ended.err


def test_a_small_set_cannot_be_reranked(run: Callable[..., Ended], shared: Path, tmp_path: Path) -> None:
    small = write_market_like(tmp_path, people=2, cameras=2, crops=2, distractors=0, junk=0)
    ended = run(small.folder, "--rerank")
    assert ended.code == 2
    assert "--rerank: looks at 20 neighbours and needs more pictures than that (got 8)" in ended.err
    assert run(small.folder).code == 0


def test_help_says_what_there_is_and_imports_nothing_that_computes() -> None:
    code = (
        "import sys; sys.argv = ['edge', 'eval', 'retrieval', '--help']; from edge.cli.main import main\n"
        "try:\n    main()\n"
        "finally:\n    print(sorted({'cv2', 'numpy', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]"
    for option in ("--data", "--embed", "--features", "--nfc", "--scope", "--ipg", "--eta", "--rerank"):
        assert option in done.stdout
