"""`edge-run` as its users run it: a process of its own, real networks, real video, a real RTSP server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import av
import pytest
from rtsp_server import RtspServer, missing

PETS = "data/video/pets09_s2l1_view1_480x360.avi"
MULTICAM = "data/multicam/pdestre_session3"
WITHIN_S = 60.0
SCRIPT = "from edge.cli.run import main; main()"


@pytest.fixture(scope="module")
def clips(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with short clips: ``pets.avi`` and ``cam1.webm`` to ``cam4.webm``; cam2 ends early."""
    folder = tmp_path_factory.mktemp("clips")
    cut(shared / PETS, folder / "pets.avi", 60)
    for number in (1, 2, 3, 4):
        name = f"cam{number}.webm"
        cut(shared / MULTICAM / name, folder / name, 7 if number == 2 else 20)
    return folder


def cut(source: Path, target: Path, packets: int) -> None:
    """Copy the first packets of a video without encoding them again."""
    with av.open(str(source)) as video, av.open(str(target), "w") as out:
        stream = video.streams.video[0]
        copy = out.add_stream_from_template(stream)
        for index, packet in enumerate(video.demux(stream)):
            if index >= packets or packet.dts is None:
                break
            packet.stream = copy
            out.mux(packet)


class EdgeRun:
    """One `edge-run` process. Waiting is for a line it logs or for a condition, never for a time."""

    def __init__(self, folder: Path, cameras: str, *options: str, out: str = "out") -> None:
        self.out = folder / out
        file = folder / f"{out}.yaml"
        file.write_text(cameras, encoding="utf-8")
        arguments = ["--cameras", str(file), "--out", str(self.out), *options]
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self.stdout: list[str] = []
        self._news = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=args, daemon=True)
            for args in ((self.process.stderr, self.lines), (self.process.stdout, self.stdout))
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, pipe: IO[str], lines: list[str]) -> None:
        for line in pipe:
            with self._news:
                lines.append(line.rstrip("\n"))
                self._news.notify_all()

    @property
    def stderr(self) -> str:
        return "\n".join(self.lines)

    def line(self, text: str, after: int = 0) -> int:
        """Wait for a log line with ``text`` among those from number ``after`` on; return the next number."""

        def found() -> int:
            hits = [index for index, line in enumerate(self.lines) if index >= after and text in line]
            return hits[0] + 1 if hits else 0

        with self._news:
            assert self._news.wait_for(found, WITHIN_S), f"no '{text}' in:\n{self.stderr}"
            return found()

    def until(self, holds: Callable[[], object]) -> None:
        """Wait for a condition that is about files."""
        deadline_s = time.monotonic() + WITHIN_S
        while not holds():
            assert self.process.poll() is None, f"ended:\n{self.stderr}"
            assert time.monotonic() < deadline_s, f"it never came to that:\n{self.stderr}"
            time.sleep(0.02)

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def end(self, within_s: float = WITHIN_S) -> int:
        """Wait for the end and return the exit code."""
        code = self.process.wait(within_s)
        for reader in self._readers:
            reader.join(WITHIN_S)
        return code

    def summary(self) -> dict[str, dict[str, dict[str, float]]]:
        return json.loads((self.out / "summary.json").read_text(encoding="utf-8"))

    def events(self) -> list[dict[str, object]]:
        path = self.out / "events.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def tracks(self) -> dict[str, str]:
        return {path.stem: path.read_text() for path in sorted((self.out / "tracks").iterdir())}

    def everything(self) -> str:
        """All it wrote: files, standard output, log."""
        files = [
            path.read_bytes().decode("utf-8", "replace") for path in self.out.rglob("*") if path.is_file()
        ]
        return "\n".join([*files, *self.stdout, self.stderr])

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WITHIN_S)
        for reader in self._readers:
            reader.join(WITHIN_S)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def edge_run(tmp_path: Path) -> Iterator[Callable[..., EdgeRun]]:
    runs: list[EdgeRun] = []

    def start(cameras: str, *options: str, out: str = "out") -> EdgeRun:
        runs.append(EdgeRun(tmp_path, cameras, *options, out=out))
        return runs[-1]

    yield start
    for run in runs:
        run.close()


@pytest.fixture
def _rtsp_server() -> None:
    if reason := missing():
        pytest.skip(reason)


def two_cameras(clips: Path) -> str:
    video = clips / "pets.avi"
    return f"cameras:\n  - {{name: door, source: {video}}}\n  - {{name: yard, source: {video}}}\n"


def identities(tracks: str) -> set[int]:
    return {int(line.split(",")[1]) for line in tracks.splitlines()} - {0}


def test_two_runs_over_the_same_files_give_the_same_tracks(
    clips: Path, edge_run: Callable[..., EdgeRun]
) -> None:
    tracks = []
    for out in ("first", "second"):
        run = edge_run(two_cameras(clips), "--quiet", out=out)
        assert run.end() == 0, run.stderr
        tracks.append(run.tracks())
        summary = run.summary()
        assert {name: row["frames"] for name, row in summary["cameras"].items()} == {"door": 60, "yard": 60}
        assert all(row["drops"] == 0 for row in summary["channels"].values())
        assert run.events()
    assert tracks[0] == tracks[1]
    door, yard = identities(tracks[0]["door"]), identities(tracks[0]["yard"])
    assert len(door & yard) >= 3, "the same people in both cameras have the same identities"


def test_four_views_run_together_and_one_that_ends_early_leaves_the_others(
    clips: Path, edge_run: Callable[..., EdgeRun]
) -> None:
    cameras = "".join(f"  - {{name: cam{n}, source: {clips}/cam{n}.webm}}\n" for n in (1, 2, 3, 4))
    run = edge_run(f"cameras:\n{cameras}", "--json")
    assert run.end() == 0, run.stderr
    summary = json.loads("\n".join(run.stdout))
    frames = {name: row["frames"] for name, row in summary["cameras"].items()}
    assert frames == {"cam1": 20, "cam2": 7, "cam3": 20, "cam4": 20}
    assert {row["state"] for row in summary["cameras"].values()} == {"ended"}
    assert summary["stages"]["frame"]["items"] == 67
    assert summary["stages"]["frame"]["p95_ms"] > 0


def test_one_missing_view_is_2_before_anything_begins(clips: Path, edge_run: Callable[..., EdgeRun]) -> None:
    run = edge_run(
        f"cameras:\n  - {{name: cam1, source: {clips}/cam1.webm}}\n  - {{name: gone, source: gone.webm}}\n"
    )
    assert run.end() == 2
    (line,) = run.lines
    assert "out.yaml:3: cameras.1.source" in line
    assert not run.out.exists()


def test_one_corrupt_and_one_truncated_view_leave_the_others_to_their_end(
    clips: Path, edge_run: Callable[..., EdgeRun], tmp_path: Path
) -> None:
    (tmp_path / "corrupt.webm").write_bytes(os.urandom(50_000))
    whole = (clips / "pets.avi").read_bytes()
    (tmp_path / "truncated.avi").write_bytes(whole[: len(whole) * 3 // 4])
    run = edge_run(
        "cameras:\n"
        "  - {name: corrupt, source: corrupt.webm}\n"
        f"  - {{name: cam1, source: {clips}/cam1.webm}}\n"
        "  - {name: truncated, source: truncated.avi}\n",
        "--json",
    )
    assert run.end() == 4
    summary = json.loads("\n".join(run.stdout))
    rows = summary["cameras"]
    assert (rows["cam1"]["frames"], rows["cam1"]["state"]) == (20, "ended")
    assert (rows["corrupt"]["frames"], rows["corrupt"]["state"]) == (0, "failed")
    assert 5 < rows["truncated"]["frames"] < 55
    assert summary["exit"] == 4
    assert run.lines[-2].startswith("camera 'corrupt': ")
    assert run.lines[-1].startswith("camera 'truncated': ")
    assert set(run.tracks()) == {"corrupt", "cam1", "truncated"}
    assert (run.out / "report.html").exists()


def test_a_second_ctrl_c_stops_at_once(clips: Path, edge_run: Callable[..., EdgeRun], tmp_path: Path) -> None:
    # A long queue of pictures: finishing what is under way takes seconds.
    (tmp_path / "slow.yaml").write_text(
        "detect: {model: yolox-nano}\nembed: {model: reid-retail-0031}\nchannel: {size: 300}\n"
    )
    run = edge_run(
        "pipeline: ./slow.yaml\ncameras:\n"
        f"  - name: door\n    source: {{path: {clips}/pets.avi, loop: true}}\n"
    )
    run.until(run.events)
    run.interrupt()
    run.line("camera 'door': stopped after")
    pressed_s = time.monotonic()
    run.interrupt()
    assert run.end() == 130, run.stderr
    assert time.monotonic() - pressed_s < 6
    summary = run.summary()
    assert summary["exit"] == 130
    waiting = summary["channels"]["capture door"]
    assert waiting["drops"] > 20, "what waited was given up"
    assert run.events()
    assert (run.out / "tracks" / "door.txt").exists()


@pytest.mark.usefixtures("_rtsp_server", "shared")
def test_a_camera_that_dies_and_freezes_recovers_while_the_other_one_goes_on(
    clips: Path, edge_run: Callable[..., EdgeRun]
) -> None:
    secret = "open-Sesame-77"
    with RtspServer(clips / "pets.avi", size_px=(480, 360), user="admin", password=secret) as server:
        run = edge_run(
            f"""
cameras:
  - name: street
    source:
      rtsp: {server.url}
      timeout_s: 2
      frozen_s: 1.5
      reconnect: {{first_s: 0.2, max_s: 0.5}}
    fps_max: 5
  - name: yard
    source: {{path: {clips}/pets.avi, realtime: true, loop: true}}
    fps_max: 5
"""
        )
        at = run.line("camera 'street': connected to")
        run.until(run.events)
        server.kill()
        at = run.line("connection refused by rtsp://***@127.0.0.1", at)
        server.start()
        at = run.line("camera 'street': connected again", at)
        server.freeze()
        at = run.line("camera 'street': no picture from", at)
        server.thaw()
        at = run.line("camera 'street': connected again", at)
        frames = run.summary()["cameras"]["street"]["frames"]
        run.until(lambda: run.summary()["cameras"]["street"]["frames"] > frames + 5)
        run.interrupt()
        assert run.end() == 0, run.stderr
    summary = run.summary()
    street, yard = summary["cameras"]["street"], summary["cameras"]["yard"]
    assert street["reconnects"] >= 2
    assert summary["exit"] == 0
    assert not [line for line in run.lines if "camera 'yard'" in line and "WARNING" in line]
    assert yard["frames"] + yard["dropped"] > 0.8 * 5 * summary["wall_s"] - 10
    assert yard["frames"] > 0.5 * 5 * summary["wall_s"]
    assert all(run.tracks().values())
    assert (run.out / "report.html").exists()
    assert secret not in run.everything()


@pytest.mark.usefixtures("_rtsp_server", "shared")
def test_credentials_of_cameras_that_fail_are_never_shown(
    edge_run: Callable[..., EdgeRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOOR_LOGIN", "admin:Swordfish-9")
    with RtspServer(user="admin", password="the-right-one") as server:
        run = edge_run(
            f"""
site: {{start_timeout_s: 3}}
cameras:
  - {{name: refused, source: 'rtsp://${{DOOR_LOGIN}}@127.0.0.1:9/live?token=tok-Swordfish'}}
  - {{name: wrong, source: 'rtsp://admin:Swordfish-8@127.0.0.1:{server.port}/live'}}
  - {{name: web, source: 'http://user:Swordfish-7@127.0.0.1:9/video.mjpg'}}
"""
        )
        assert run.end() == 3
    everything = run.everything()
    assert "wordfish" not in everything
    last = run.lines[-3:]
    assert last[0].startswith("camera 'refused': connection refused by rtsp://***@127.0.0.1:9/live")
    assert "refused the user name or password" in last[1]
    assert last[2].startswith("camera 'web': connection refused by http://***@127.0.0.1:9/video.mjpg")
    assert run.summary()["exit"] == 3


def test_a_stopped_run_over_files_is_complete_up_to_where_it_was_stopped(
    clips: Path, edge_run: Callable[..., EdgeRun]
) -> None:
    run = edge_run(
        f"cameras:\n  - name: door\n    source: {{path: {clips}/pets.avi, loop: true}}\n", "--json"
    )
    run.until(run.events)
    run.interrupt()
    assert run.end() == 0, run.stderr
    summary = json.loads("\n".join(run.stdout))
    assert summary["exit"] == 0
    assert summary["stages"]["frame"]["items"] == summary["cameras"]["door"]["frames"] > 20
    assert run.tracks()["door"]
    assert {event["run"] for event in run.events()} == {summary["run"]}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_needs_nothing_but_the_installation(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EDGE_")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "--demo", "--out", str(tmp_path / "out")],
        env=environment | {"EDGE_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert {row["frames"] for row in summary["cameras"].values()} == {600}
    assert summary["evaluation"]["cross_camera_idf1"] > 0.5
    assert "Floor plan" in (tmp_path / "out" / "report.html").read_text()
    with av.open(str(tmp_path / "out" / "video" / "mosaic.mp4")) as video:
        assert video.streams.video[0].frames >= 600 or sum(1 for _ in video.decode(video=0)) >= 600
    assert "without NFC" in done.stdout
