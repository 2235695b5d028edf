"""What ``capture`` in pipeline.yaml comes to on this machine, with and without what it asks for."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from edge.assemble.device import Choice, choose_device, open_device
from edge.config.pipeline import CaptureSpec
from edge.errors import MissingExtraError
from edge.stages.crop import HostCuts


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose driver finds a GPU; torch says nothing of it."""
    monkeypatch.setattr("edge.backends.cuda_driver.has_gpu", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", "12.6")


@pytest.fixture
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.backends.cuda_driver.has_gpu", lambda: False)


def choice(device: str = "cpu", decode: str = "auto") -> Choice:
    return choose_device(CaptureSpec.model_validate({"device": device, "decode": decode}))


@pytest.mark.usefixtures("no_driver")
def test_without_a_gpu_auto_is_the_cpu_and_says_why() -> None:
    found = choice("auto")
    assert (found.memory, found.decoder, found.problems) == ("host", "cpu", ())
    assert found.notes[0].startswith("capture.device 'auto' is cpu: 'cuda' needs an NVIDIA GPU")
    assert choice() == Choice()
    assert choice("cpu-tensors") == Choice("cpu")


@pytest.mark.usefixtures("no_driver")
@pytest.mark.parametrize(
    ("device", "decode", "says"),
    [
        ("cuda", "auto", r"^capture.device: 'cuda' needs an NVIDIA GPU.*--gpus all.*set it to cpu or auto$"),
        ("cpu", "nvdec", r"^capture.decode: NVDEC needs an NVIDIA GPU.*set it to cpu or auto$"),
    ],
)
def test_what_is_asked_for_by_name_and_missing_is_refused(device: str, decode: str, says: str) -> None:
    with pytest.raises(MissingExtraError, match=says):
        open_device(CaptureSpec.model_validate({"device": device, "decode": decode}), ["door"])


@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize(
    ("device", "decode", "memory", "decoder"),
    [
        ("auto", "auto", "cuda", "nvdec"),
        ("cuda", "auto", "cuda", "nvdec"),
        ("cuda", "cpu", "cuda", "cpu"),
        ("cpu", "auto", "host", "cpu"),
        ("cpu", "nvdec", "host", "nvdec"),
        ("cpu-tensors", "nvdec", "cpu", "nvdec"),
    ],
)
def test_with_a_gpu_each_is_what_it_says(device: str, decode: str, memory: str, decoder: str) -> None:
    found = choice(device, decode)
    assert (found.memory, found.decoder, found.problems, found.notes) == (memory, decoder, (), ())
    assert f"decoded by {decoder} and lie in" in found.line


@pytest.mark.usefixtures("driver")
def test_a_torch_for_the_cpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    (problem,) = choice("cuda", "cpu").problems
    assert "needs a build of torch with CUDA, and this one is for the CPU" in str(problem)
    assert choice("auto", "cpu").memory == "host"


@pytest.mark.usefixtures("driver")
def test_an_ffmpeg_without_nvdec_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("av.codec.hwaccel.hwdevices_available", list)
    assert "reaches NVDEC" in str(choice("cuda", "nvdec").problems[0])
    found = choice("cuda")
    assert (found.memory, found.decoder) == ("cuda", "cpu")
    assert found.notes[0].startswith("capture.decode 'auto' is cpu: ")


def test_the_cpu_alone_needs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        device = open_device(CaptureSpec(), ["door"])
    assert (device.converter, device.cutting, device.row(), caplog.text) == (None, HostCuts, None, "")


def test_tensors_on_the_cpu_are_a_device_of_their_own(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        device = open_device(CaptureSpec(device="cpu-tensors"), ["door", "yard"])
    row = device.row()
    assert caplog.messages == ["pictures are decoded by cpu and lie in torch's tensors on the CPU"]
    assert row is not None
    assert (row.name, row.decoders) == ("cpu (tensors)", {"door": "cpu", "yard": "cpu"})


def test_a_plain_run_never_imports_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from tiny_models import write_pipeline; from small_videos import write_video\n"
        "folder = Path(sys.argv[1]); write_pipeline(folder); write_video(folder / 'a.mp4', 5)\n"
        "(folder / 'cams.yaml').write_text('cameras:\\n  - {name: a, source: a.mp4}\\n')\n"
        "from edge.assemble import assemble; from edge.config.cameras import load_cameras\n"
        "from edge.config.pipeline import load_pipeline\n"
        "run = assemble(load_cameras(folder / 'cams.yaml'), load_pipeline(folder / 'pipeline.yaml'),"
        " folder / 'out')\n"
        "assert run.run().exit_code == 0\n"
        "print(sorted({'torch', 'PyNvVideoCodec', 'edge.backends.surfaces'} & set(sys.modules)))"
    )
    tests = str(Path(__file__).resolve().parent.parent)
    paths = f"{tests}:{Path(tests).parent}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": paths, "EDGE_PRETRAINED": str(tmp_path), "PATH": ""},
    )
    assert done.stdout.strip() == "[]", done.stderr
