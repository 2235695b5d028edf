"""The generated sets are these, word for word; ``EDGE_WRITE_GOLDEN=1`` writes them anew after a change."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from deepstream_site import CAMERAS, graph_of

from edge.errors import ConfigError, OutputError
from edge.fronts.deepstream.bundle import APP_FILE, Bundle, bundle_of, version_of, write_bundle
from edge.fronts.deepstream.check import check_folder
from edge.fronts.deepstream.graph import Broker

GOLDEN = Path(__file__).parent / "golden"
SETS = {
    "7.1-dgpu-nvdcf-kafka": ("7.1", "dgpu", {"tracker": "nvdcf"}, Broker("kafka", "broker", 9092, "people")),
    "7.1-jetson-nvdeepsort-mqtt": (
        "7.1",
        "jetson",
        {"tracker": "nvdeepsort", "precision": "int8"},
        Broker("mqtt", "broker", 1883, "people"),
    ),
    "9.1-dgpu-nvdcf-reid-redis": (
        "9.1",
        "dgpu",
        {"reid": "tracker"},
        Broker("redis", "broker", 6379, "people"),
    ),
    "9.1-jetson-nvdcf": ("9.1", "jetson", {"precision": "fp32"}, None),
}


def bundle(name: str, folder: Path) -> Bundle:
    version, target, options, broker = SETS[name]
    return bundle_of(graph_of(folder, version, target=target, broker=broker, **options))  # type: ignore[arg-type]


def as_text(made: Bundle) -> str:
    """All files of a set but the parser's, which has tests of its own, in one text."""
    return "".join(
        f"===== {name}\n{text}"
        for name, text in sorted(made.texts.items())
        if not name.startswith("parser/") and name != "README.md"
    )


@pytest.mark.parametrize("name", SETS)
def test_the_set_is_the_golden_one(name: str, tmp_path: Path) -> None:
    text = as_text(bundle(name, tmp_path))
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("EDGE_WRITE_GOLDEN") == "1":
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SETS)
def test_every_set_passes_its_own_check(name: str, tmp_path: Path) -> None:
    made = bundle(name, tmp_path)
    folder = tmp_path / "set"
    write_bundle(made, folder)
    count, problems = check_folder(folder, made.version)
    assert problems == []
    assert count >= 4
    assert version_of(folder) == made.version


def test_no_password_is_written_and_the_script_asks_for_it(tmp_path: Path) -> None:
    write_bundle(bundle("7.1-dgpu-nvdcf-kafka", tmp_path), tmp_path / "set")
    everything = b"".join(file.read_bytes() for file in (tmp_path / "set").rglob("*") if file.is_file())
    assert b"s3cret" not in everything
    assert b"list=${EDGE_URI_DOOR};rtsp://10.0.0.3:8554/yard" in everything
    refused = subprocess.run(
        [str(tmp_path / "set" / "run.sh")], env={"PATH": os.environ["PATH"]}, capture_output=True, check=False
    )
    assert refused.returncode != 0
    assert b"EDGE_URI_DOOR" in refused.stderr


def test_the_script_puts_the_address_in_for_the_time_of_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    write_bundle(bundle_of(graph_of(tmp_path), library="/opt/edge/parser.so"), folder)
    app = tmp_path / "app"
    app.write_text('#!/bin/sh\nstat -c %a "$2"\ngrep ^list= "$2"\n')
    app.chmod(0o755)
    address = r"rtsp://admin:p&\1$HOME;%2F@10.0.0.2/ch1"
    environment = {"PATH": os.environ["PATH"], "DEEPSTREAM_APP": str(app), "EDGE_URI_DOOR": address}
    done = subprocess.run(
        [str(folder / "run.sh")], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"600\nlist={address};rtsp://10.0.0.3:8554/yard\n"
    assert not (folder / "deepstream_app.live.txt").exists()


def test_a_set_is_written_over_its_earlier_self_and_over_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    made = bundle("9.1-jetson-nvdcf", tmp_path)
    assert APP_FILE in write_bundle(made, folder)
    assert write_bundle(made, folder) == []
    other = bundle_of(graph_of(tmp_path, "9.1", width=1280, height=720))
    assert APP_FILE in write_bundle(other, folder)
    (folder / "labels.txt").write_text("person\nbag\n")
    with pytest.raises(OutputError, match=r"labels\.txt was not written by this command, or was changed"):
        write_bundle(other, folder)
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / APP_FILE).write_text("mine")
    with pytest.raises(OutputError, match="move it away"):
        write_bundle(made, strange)
    assert [file.name for file in strange.iterdir()] == [APP_FILE]


def test_the_script_can_be_run_and_the_rest_only_read(tmp_path: Path) -> None:
    write_bundle(bundle("9.1-jetson-nvdcf", tmp_path), tmp_path / "set")
    modes = {
        file.name: stat.S_IMODE(file.stat().st_mode)
        for file in (tmp_path / "set").iterdir()
        if file.is_file()
    }
    assert modes["run.sh"] == 0o755
    assert modes[APP_FILE] == 0o644


def test_a_number_out_of_range_is_found_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"deepstream_app\.txt:\d+: source-list\.http-port: must be 65535 or"
    ):
        bundle_of(graph_of(tmp_path, rest_port=70_000))


def test_a_damaged_list_of_files_is_said_and_nothing_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    made = bundle("9.1-jetson-nvdcf", tmp_path)
    write_bundle(made, folder)
    (folder / "edge-deepstream.json").write_text("{")
    with pytest.raises(ConfigError, match="is damaged"):
        write_bundle(made, folder)


def test_cameras_without_a_region_need_no_analytics(tmp_path: Path) -> None:
    text = CAMERAS.replace("    roi: [[[0.0, 0.2], [1.0, 0.2], [1.0, 1.0], [0.0, 1.0]]]\n", "")
    texts = bundle_of(graph_of(tmp_path, text=text)).texts
    assert "nvdsanalytics.txt" not in texts
    assert "[nvds-analytics]" not in texts[APP_FILE]


@pytest.mark.parametrize("name", SETS)
def test_shellcheck_is_content_with_the_script(name: str, tmp_path: Path) -> None:
    beside = Path(sys.executable).parent / "shellcheck"
    tool = str(beside) if beside.is_file() else shutil.which("shellcheck")
    if not tool:
        pytest.skip("no shellcheck here (it is in the extra dev)")
    script = tmp_path / "run.sh"
    script.write_text(bundle(name, tmp_path).texts["run.sh"])
    done = subprocess.run([tool, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
