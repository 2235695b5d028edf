from __future__ import annotations

import hashlib
import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import edge
from edge.cli.models import list_models, pull, verify
from edge.config import weights
from edge.config.catalog import card_names
from edge.errors import ConfigError
from edge.resources import models_dir

# Where the tested package is, for processes started in another folder.
PACKAGE_FOLDER = str(Path(edge.__file__).resolve().parent.parent)
CONTENT = b"pretend weights " * 1000
Capture = pytest.CaptureFixture[str]
WriteCard = Callable[..., Path]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder without any weights in reach."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("EDGE_PRETRAINED", raising=False)
    monkeypatch.setattr(weights, "checkout_root", lambda: None)
    monkeypatch.setattr(weights, "_verified", set())
    return here


@pytest.fixture
def write_card(tmp_path: Path) -> WriteCard:
    """Factory of cards for ``CONTENT``: (name, url) -> path of the card."""

    def write(name: str = "my-net", url: str = "null") -> Path:
        text = (models_dir() / "reid-retail-0031" / "card.yaml").read_text(encoding="utf-8")
        replaced = {
            "name: reid-retail-0031": f"name: {name}",
            "file: reid_retail_0031.onnx": f"file: {name}.onnx",
            "bytes: 1131635": f"bytes: {len(CONTENT)}",
            "03dfa916abfdf7b3235e8b0b11f74510af44b378735ea71d1f764a6d113cabe6": hashlib.sha256(
                CONTENT
            ).hexdigest(),
            "url: null": f"url: {url}",
        }
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new)
        file = tmp_path / name / "card.yaml"
        file.parent.mkdir()
        file.write_text(text, encoding="utf-8")
        return file

    return write


def put(elsewhere: Path, name: str, content: bytes = CONTENT) -> Path:
    (elsewhere / "pretrained").mkdir(exist_ok=True)
    path = elsewhere / "pretrained" / name
    path.write_bytes(content)
    return path


def test_list_shows_each_model_with_licence_size_and_missing_file(capsys: Capture) -> None:
    assert list_models() == 0
    lines = capsys.readouterr().out.splitlines()
    for name in card_names():
        assert any(line.startswith(name + " ") for line in lines)
    row = next(line for line in lines if line.startswith("reid-retail-0031 "))
    assert row.split() == [
        "reid-retail-0031",
        "embed",
        "Apache-2.0",
        "1.1",
        "missing:",
        "reid_retail_0031.onnx",
    ]
    assert "not cleared for products" in next(line for line in lines if line.startswith("osnet-x0-25 "))
    assert "edge models pull" in lines[-1]


def test_list_says_where_a_file_was_found_and_when_its_size_is_wrong(
    elsewhere: Path, shared: Path, capsys: Capture
) -> None:
    bad = put(elsewhere, "yolox_nano.onnx", b"")
    good = elsewhere / "pretrained" / "reid_retail_0031.onnx"
    good.symlink_to(shared / "data" / "models" / "reid_retail_0031.onnx")
    assert list_models(json=True) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["models"]}
    assert (rows["reid-retail-0031"]["status"], rows["reid-retail-0031"]["path"]) == ("found", str(good))
    assert (rows["yolox-nano"]["status"], rows["yolox-nano"]["path"]) == ("wrong-size", str(bad))
    assert (rows["osnet-x0-25"]["status"], rows["osnet-x0-25"]["path"]) == ("missing", None)
    assert rows["yolox-nano"]["bytes"] == 3678356
    assert len(rows["yolox-nano"]["sha256"]) == 64
    assert "research data" in rows["osnet-x0-25"]["licence"]
    list_models()
    assert f"wrong size: {bad}" in capsys.readouterr().out


def test_pull_without_an_address_says_which_file_to_put_where(elsewhere: Path, capsys: Capture) -> None:
    assert pull(["yolox-nano"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "put 'yolox_nano.onnx' (3678356 bytes) into" in captured.err
    assert str(elsewhere / "pretrained") in captured.err
    assert "Bigisland1729/object-detection-models@7f3f2fa34b" in captured.err


def test_pull_fetches_what_it_can_and_reports_the_rest(
    elsewhere: Path, tmp_path: Path, write_card: WriteCard, capsys: Capture
) -> None:
    mirror = tmp_path / "mirror.onnx"
    mirror.write_bytes(CONTENT)
    card = write_card(url=mirror.as_uri())
    assert pull(["osnet-x0-25", str(card), str(card)]) == 3
    captured = capsys.readouterr()
    path = elsewhere / "pretrained" / "my-net.onnx"
    assert path.read_bytes() == CONTENT
    assert captured.out == f"my-net: ok: {path}\n"
    assert "osnet_x0_25_msmt17.onnx" in captured.err


def test_pull_of_what_is_already_there_succeeds(
    elsewhere: Path, write_card: WriteCard, capsys: Capture
) -> None:
    card = write_card()
    path = put(elsewhere, "my-net.onnx")
    assert pull([str(card)], json=True) == 0
    assert json.loads(capsys.readouterr().out) == {
        "models": [{"name": "my-net", "status": "ok", "path": str(path), "message": ""}]
    }


def test_an_unknown_name_is_a_config_error_before_anything_is_fetched(
    elsewhere: Path, tmp_path: Path, write_card: WriteCard
) -> None:
    mirror = tmp_path / "mirror.onnx"
    mirror.write_bytes(CONTENT)
    card = write_card(url=mirror.as_uri())
    for command in (pull, verify):
        with pytest.raises(ConfigError, match="no model card 'yolo'"):
            command([str(card), "yolo"])
    assert list(elsewhere.rglob("*.onnx")) == []


def test_verify_of_named_models_fails_where_one_is_missing_or_altered(
    elsewhere: Path, write_card: WriteCard, capsys: Capture
) -> None:
    good, altered, missing = write_card("good"), write_card("altered"), write_card("missing")
    put(elsewhere, "good.onnx")
    put(elsewhere, "altered.onnx", b"P" + CONTENT[1:])
    assert verify([str(good)]) == 0
    capsys.readouterr()
    assert verify([str(good), str(altered), str(missing)], json=True) == 3
    results = json.loads(capsys.readouterr().out)["models"]
    assert [result["status"] for result in results] == ["ok", "failed", "failed"]
    assert "altered" in results[1]["message"]
    assert "not found" in results[2]["message"]


def test_verify_of_everything_takes_missing_files_for_a_fact_and_altered_ones_for_a_failure(
    elsewhere: Path, capsys: Capture
) -> None:
    assert verify([]) == 0
    assert "yolox-nano: missing: 'yolox_nano.onnx' not found" in capsys.readouterr().out
    put(elsewhere, "yolox_nano.onnx", b"other")
    assert verify([]) == 3
    assert "model 'yolox-nano'" in capsys.readouterr().err


def test_verify_accepts_the_shared_weights(
    shared: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("EDGE_PRETRAINED", str(shared / "data" / "models"))
    assert verify([], json=True) == 0
    statuses = {result["name"]: result["status"] for result in json.loads(capsys.readouterr().out)["models"]}
    assert statuses["yolox-nano"] == "ok"
    assert statuses["osnet-x0-25"] == "ok"


def test_a_terminal_sees_a_progress_bar_and_a_pipe_does_not(
    tmp_path: Path, elsewhere: Path, write_card: WriteCard
) -> None:
    mirror = tmp_path / "mirror.onnx"
    mirror.write_bytes(CONTENT)
    card = write_card(url=mirror.as_uri())
    code = "import sys; from edge.cli.models import pull; sys.exit(pull([sys.argv[1]]))"
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "PYTHONPATH": PACKAGE_FOLDER}

    (elsewhere / "pretrained").mkdir()  # else the process would put the file into the checkout's
    outer, inner = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        while True:
            try:
                chunk = os.read(outer, 4096)
            except OSError:  # the other end is closed
                return
            if not chunk:
                return
            shown.append(chunk)

    reader = threading.Thread(target=read)
    reader.start()
    command = [sys.executable, "-c", code, str(card)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=inner, env=environment, timeout=60, check=True
    )
    os.close(inner)
    reader.join(10)
    os.close(outer)
    assert b"my-net" in b"".join(shown)
    assert done.stdout.startswith(b"my-net: ok: ")

    (elsewhere / "pretrained" / "my-net.onnx").unlink()
    piped = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=True)
    assert piped.stderr == b""


def test_importing_the_commands_stays_light() -> None:
    code = "import sys, edge.cli.models; print(sorted({'rich', 'pydantic', 'numpy'} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": PACKAGE_FOLDER}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment)
    assert done.stdout.strip() == "[]"


def test_verify_of_a_generators_folder_checks_each_network(tmp_path: Path, capsys: Capture) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("diffusers", reason="diffusers is not installed")
    from small_ipg import write_small_folder

    folder = write_small_folder(tmp_path / "weights")
    assert verify([], ckpt_dir=folder) == 0
    assert "reid: ok: " in capsys.readouterr().out
    (folder / "IFR.pth").write_bytes(b"")
    (folder / "pose_guider.pth").unlink()
    assert verify([], json=True, ckpt_dir=folder) == 3
    found = {row["name"]: row for row in json.loads(capsys.readouterr().out)["models"]}
    assert {name for name, row in found.items() if row["status"] == "failed"} == {"ifr", "pose_guider"}
    assert "is empty" in found["ifr"]["message"]
    with pytest.raises(ConfigError, match="without the names of models"):
        verify(["yolox-nano"], ckpt_dir=folder)
