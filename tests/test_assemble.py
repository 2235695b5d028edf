from __future__ import annotations

import socket
import time
import urllib.request
from pathlib import Path

import pytest
from small_videos import write_video
from tiny_models import write_pipeline

from edge.assemble import assemble, fronts, pipeline_title
from edge.backends import Session
from edge.config.cameras import CamerasFile, load_cameras
from edge.config.pipeline import PipelineSpec, load_pipeline
from edge.errors import ConfigError, ModelError, OutputError
from edge.evaluate.replay_tracks import Settings, replay_tracks
from edge.evaluate.tracklet_log import TrackletLog
from edge.stages.sink import Address


@pytest.fixture
def cameras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CamerasFile:
    monkeypatch.setenv("EDGE_PRETRAINED", str(tmp_path))
    write_video(tmp_path / "door.mp4", 20)
    file = tmp_path / "cams.yaml"
    file.write_text("site: {name: hall}\ncameras:\n  - {name: door, source: door.mp4}\n")
    return load_cameras(file)


@pytest.fixture
def pipeline(tmp_path: Path) -> PipelineSpec:
    return load_pipeline(write_pipeline(tmp_path))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Session]:
    """Every session that is opened, in order; a closed one refuses to run."""
    import edge.backends

    sessions: list[Session] = []
    real = edge.backends.open_session

    def open_session(*arguments: object, **options: object) -> Session:
        sessions.append(real(*arguments, **options))  # type: ignore[arg-type]
        return sessions[-1]

    monkeypatch.setattr(edge.backends, "open_session", open_session)
    return sessions


def is_closed(session: Session) -> bool:
    try:
        session.run({})
    except ValueError:
        return True
    except Exception:  # noqa: BLE001 - it tried to run
        return False
    return False


def test_a_run_knows_its_site_its_models_and_its_pipeline(
    cameras: CamerasFile, pipeline: PipelineSpec, tmp_path: Path, opened: list[Session]
) -> None:
    run = assemble(cameras, pipeline, tmp_path / "out", title="mine")
    assert (run.facts.site, run.facts.pipeline) == ("hall", "mine")
    assert [model.partition("@")[0] for model in run.facts.models] == ["tiny-detector", "tiny-reid"]
    assert run.run().exit_code == 0
    assert [is_closed(session) for session in opened] == [True, True]


def test_two_runs_have_different_ids(cameras: CamerasFile, pipeline: PipelineSpec, tmp_path: Path) -> None:
    runs = [assemble(cameras, pipeline, tmp_path / name) for name in ("a", "b")]
    assert runs[0].facts.run != runs[1].facts.run
    for run in runs:
        run.run()


def test_the_folder_is_touched_last(cameras: CamerasFile, pipeline: PipelineSpec, tmp_path: Path) -> None:
    (tmp_path / "tiny-reid.onnx").write_bytes(b"")
    with pytest.raises(ModelError, match="tiny-reid"):
        assemble(cameras, pipeline, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_was_opened_is_closed_when_a_later_part_fails(
    cameras: CamerasFile, pipeline: PipelineSpec, tmp_path: Path, opened: list[Session]
) -> None:
    (tmp_path / "out").write_text("a file is in the way")
    with pytest.raises(OutputError):
        assemble(cameras, pipeline, tmp_path / "out")
    assert [is_closed(session) for session in opened] == [True, True]


def test_a_model_for_another_task_is_refused(
    cameras: CamerasFile, pipeline: PipelineSpec, tmp_path: Path
) -> None:
    swapped = pipeline.model_copy(
        update={"embed": pipeline.embed.model_copy(update={"model": pipeline.detect.model})}
    )
    with pytest.raises(ConfigError, match="made to detect, not to embed"):
        assemble(cameras, swapped, tmp_path / "out")


def test_a_batch_never_exceeds_what_one_call_takes_nor_live_the_number_of_cameras(
    pipeline: PipelineSpec,
) -> None:
    from edge.config.catalog import load_card

    spec = pipeline.detect
    fixed, free = load_card("yolox-nano"), load_card("person-det-retail-0013")
    assert fronts._frames_per_batch(spec, fixed, None) == 1
    assert fronts._frames_per_batch(spec, free, None) == spec.batch_max == 8
    assert fronts._frames_per_batch(spec, free, 3) == 3


def test_a_pipeline_is_called_like_its_folder_or_its_file(tmp_path: Path) -> None:
    assert pipeline_title(Path("/etc/pipelines/fast/pipeline.yaml")) == "fast"
    assert pipeline_title(Path("/etc/night.yaml")) == "night"


def test_what_identify_is_told_is_noted_on_request(
    cameras: CamerasFile, pipeline: PipelineSpec, tmp_path: Path
) -> None:
    log = TrackletLog(["door"])
    assert assemble(cameras, pipeline, tmp_path / "out", log=log).run().exit_code == 0
    assert log.tracklets > 0
    replay_tracks(log, Settings(pipeline.refine, pipeline.identify), tmp_path / "again")
    tracks = [
        (folder / "tracks" / "door.txt").read_text() for folder in (tmp_path / "out", tmp_path / "again")
    ]
    assert tracks[0] == tracks[1]
    assert tracks[0].count("\n") > 10


def test_a_run_answers_prometheus_while_it_goes_on_and_not_after(
    cameras: CamerasFile, pipeline: PipelineSpec, tmp_path: Path
) -> None:
    pytest.importorskip("prometheus_client", reason="prometheus-client is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = Address("127.0.0.1", free.getsockname()[1])

    def page() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{address.port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())

    class Asking(TrackletLog):
        """Holds the first decision up until the run has told its numbers, and so goes on."""

        page = ""

        def advance(self, now_ns: int) -> None:
            until_s = time.monotonic() + 60.0
            while "edge_run_info" not in self.page and time.monotonic() < until_s:
                self.page = page()
            super().advance(now_ns)

    asking = Asking(["door"])
    run = assemble(cameras, pipeline, tmp_path / "out", title="mine", log=asking, metrics=address)
    assert run.run().exit_code == 0
    assert 'edge_run_info{pipeline="mine"' in asking.page
    assert 'edge_camera_frames_total{camera="door"}' in asking.page
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", address.port), timeout=10)
