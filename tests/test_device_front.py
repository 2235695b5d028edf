"""The same real video with pictures on the host, and on a device: the same people, the same identities.

The device is torch's CPU, so everything but CUDA and NVDEC themselves runs here; under the marker ``gpu`` the
real ones run.
"""

from __future__ import annotations

import json
import weakref
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from small_videos import write_video
from tiny_models import write_pipeline

from edge.assemble import assemble
from edge.backends import open_session
from edge.backends.surface_input import DeviceFeeder
from edge.backends.surfaces import DeviceSurface, SurfaceDevice
from edge.config.cameras import load_cameras
from edge.config.catalog import load_card
from edge.config.pipeline import EmbedSpec, load_pipeline
from edge.config.weights import find_weights
from edge.evaluate.tracklet_log import TrackletLog
from edge.records import Crop, Tracklet
from edge.stages.capture import surface_picture
from edge.stages.embed import Embedder

PETS = "data/video/pets09_s2l1_view1_480x360.avi"
MODELS = "detect: {model: yolox-nano-person}\nembed: {model: reid-retail-0031}\n"
PICTURES = 30


class Run:
    """What a run wrote, and what it told identify."""

    def __init__(self, folder: Path, capture: str, *, video: bool = False) -> None:
        # NVDEC computes MPEG-4 a little otherwise, so the CPU decodes for both.
        lines = f"{MODELS}capture: {{device: {capture}, decode: cpu}}\n"
        (folder / f"{capture}.yaml").write_text(lines)
        log = TrackletLog(["pets"])
        out = folder / capture
        cameras, pipeline = load_cameras(folder / "cams.yaml"), load_pipeline(folder / f"{capture}.yaml")
        run = assemble(cameras, pipeline, out, log=log, video=video)
        result = run.run()
        assert result.exit_code == 0, result.problems
        told = [one for what in log.told if isinstance(what, tuple) for one in what]
        self.tracklets = {one.uid: one for one in told if isinstance(one, Tracklet)}
        self.boxes = np.loadtxt(out / "tracks/pets.txt", delimiter=",", ndmin=2)
        self.summary = json.loads((out / "summary.json").read_text())
        self.out = out


@pytest.fixture(scope="module")
def folder(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("device-front")
    with av.open(str(shared / PETS)) as video, av.open(str(folder / "pets.avi"), "w") as out:
        stream = video.streams.video[0]
        copy = out.add_stream_from_template(stream)
        for packet in list(video.demux(stream))[:PICTURES]:
            packet.stream = copy
            out.mux(packet)
    (folder / "cams.yaml").write_text("cameras:\n  - {name: pets, source: pets.avi}\n")
    return folder


@pytest.fixture(scope="module")
def on_host(folder: Path) -> Run:
    return Run(folder, "cpu")


@pytest.fixture(scope="module")
def on_device(folder: Path) -> Run:
    return Run(folder, "cpu-tensors")


def ious(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """IoU of boxes left, top, width, height, row by row."""
    low = np.maximum(one[:, :2], other[:, :2])
    high = np.minimum(one[:, :2] + one[:, 2:], other[:, :2] + other[:, 2:])
    overlap = np.prod(np.maximum(high - low, 0), axis=1)
    return overlap / (np.prod(one[:, 2:], axis=1) + np.prod(other[:, 2:], axis=1) - overlap)


def check_same_people(wanted: Run, found: Run) -> None:
    """The same identities in the same frames, and almost the same boxes and embeddings.

    Of two almost equal boxes of one person either may survive suppression: noise of one step of 255 in the
    host's own pictures makes a box in thirty another one (IoU 0.8). Hence the share.
    """
    assert found.summary["identities"] == wanted.summary["identities"] > 2
    assert np.array_equal(found.boxes[:, :2], wanted.boxes[:, :2])  # frame and identity
    overlaps = ious(found.boxes[:, 2:6], wanted.boxes[:, 2:6])
    assert np.mean(overlaps > 0.95) > 0.9
    assert overlaps.min() > 0.75
    assert np.median(overlaps) > 0.99
    assert found.tracklets.keys() == wanted.tracklets.keys()
    pairs = [(found.tracklets[uid].vector, one.vector) for uid, one in wanted.tracklets.items()]
    assert [len(one) for one, _ in pairs] == [len(other) for _, other in pairs]
    cosines = [float(one @ other) for one, other in pairs if len(one)]
    assert len(cosines) > 3
    assert np.median(cosines) > 0.995
    # People here are 20 px wide: a box that begins a pixel later, or another one of two, is another crop.
    assert min(cosines) > 0.95, sorted(cosines)


def test_the_same_people_come_of_both(on_host: Run, on_device: Run) -> None:
    check_same_people(on_host, on_device)


def test_the_same_crops_have_the_same_embeddings(folder: Path) -> None:
    card = load_card("reid-retail-0031")
    session = open_session(find_weights(card), backend="onnxruntime")
    device = SurfaceDevice("cpu")
    with av.open(str(folder / "pets.avi")) as video:
        picture = next(video.decode(video=0)).to_ndarray(format="bgr24")
    boxes = [(231, 96, 252, 150), (395, 152, 425, 203), (159, 134, 188, 193), (0, 0, 300, 360)]
    parts = device.cut(device.uploaded(picture), boxes)
    pairs = [[Crop("pets", 1, 1, 0, 1.0, pixels) for pixels in (part, part.on_host())] for part in parts]
    spec = EmbedSpec(model="reid-retail-0031", flip=True)
    on_host = Embedder(card, session, spec).describe([host for _, host in pairs])
    feeder = DeviceFeeder(card.input, session, device, card.name)
    on_device = Embedder(card, session, spec, feeder).describe([there for there, _ in pairs])
    session.close()
    for one, other in zip(on_host, on_device, strict=True):
        assert one is not None
        assert other is not None
        assert float(one @ other) > 0.9995


def test_frames_never_come_to_the_host_and_of_people_only_those_that_are_kept(
    on_host: Run, on_device: Run
) -> None:
    device = on_device.summary["device"]
    assert device["name"] == "cpu (tensors)"
    assert device["decoders"] == {"pets": "cpu"}
    assert (device["refusals"], device["evictions"]) == ({}, 0)
    assert device["uploads"] == 0  # here a decoder's memory is the device's own
    embedded = on_device.summary["stages"]["embed"]["items"]
    assert 0 < device["downloads"] < 3 * on_device.summary["identities"] < embedded * 10
    assert device["downloaded_mb"] < 0.1 * 480 * 360 * 3 * PICTURES / 1e6
    assert "device" not in on_host.summary


def test_an_annotated_video_gets_its_pictures_all_the_same(folder: Path) -> None:
    (folder / "filmed").mkdir()
    (folder / "filmed/cams.yaml").write_text("cameras:\n  - {name: pets, source: ../pets.avi}\n")
    run = Run(folder / "filmed", "cpu-tensors", video=True)
    with av.open(str(run.out / "video/pets.mp4")) as video:
        pictures = [frame.to_ndarray(format="bgr24") for frame in video.decode(video=0)]
    assert len(pictures) == PICTURES
    assert pictures[10].std() > 20
    assert run.summary["device"]["downloads"] >= PICTURES


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a video of 60 pictures, a pipeline of tiny networks on the device, and short queues."""
    monkeypatch.setenv("EDGE_PRETRAINED", str(tmp_path))
    write_video(tmp_path / "door.mp4", 60)
    (tmp_path / "cams.yaml").write_text("cameras:\n  - {name: door, source: door.mp4}\n")
    write_pipeline(tmp_path, "capture: {device: cpu-tensors}\nchannel: {size: 2}\n")
    return tmp_path


def test_only_as_many_frames_are_on_the_device_as_the_channels_hold(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: weakref.WeakSet[DeviceSurface] = weakref.WeakSet()
    most = 0
    converted = SurfaceDevice.surface

    def surface(device: SurfaceDevice, tensor: torch.Tensor) -> DeviceSurface:
        nonlocal most
        made = converted(device, tensor)
        alive.add(made)
        most = max(most, len(alive))
        return made

    monkeypatch.setattr(SurfaceDevice, "surface", surface)
    run = assemble(load_cameras(tiny / "cams.yaml"), load_pipeline(tiny / "pipeline.yaml"), tiny / "out")
    assert run.run().exit_code == 0
    assert (
        0 < most <= 2 + 2 + 4
    )  # the lane, the queue behind detect, and one in the hands of each of 4 threads
    assert len(alive) == 0


def test_a_full_device_gives_up_the_camera_with_one_line(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = []

    def full(*_: object, **__: object) -> torch.Tensor:
        pictures.append(1)
        if len(pictures) > 10:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 6 MiB")
        return torch.zeros((120, 160, 3), dtype=torch.uint8)

    monkeypatch.setattr(surface_picture, "bgr_of", full)
    run = assemble(load_cameras(tiny / "cams.yaml"), load_pipeline(tiny / "pipeline.yaml"), tiny / "out")
    result = run.run()
    assert result.exit_code == 4
    (problem,) = result.problems
    assert str(problem).startswith(
        "the GPU's memory is full (CUDA out of memory. Tried to allocate 6 MiB); run"
    )
    assert result.summary.cameras["door"].frames == 10


@pytest.mark.gpu
def test_the_same_people_come_of_a_real_gpu(folder: Path, on_host: Run) -> None:
    run = Run(folder, "cuda")
    check_same_people(on_host, run)
    assert run.summary["device"]["peak_mb"] > 0
