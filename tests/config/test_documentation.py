"""docs/cameras.md and docs/errors.md say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

import edge.errors
from edge.config.cameras import Camera, CamerasFile, SiteSettings, load_cameras
from edge.config.sources import DeviceSource, FileSource, HttpSource, Reconnect, RtspSource


def test_the_example_is_a_right_file(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR_PASSWORD", "p@ss/word")
    example = re.search(
        r"```yaml\n(.*?)```", (checkout / "docs/cameras.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert example is not None
    file = tmp_path / "cams.yaml"
    file.write_text(example[1], encoding="utf-8")
    assert [camera.label for camera in load_cameras(file).cameras] == [
        "rtsp://***@10.0.0.2/ch1",
        "rtsp://10.0.0.3:8554/yard",
        "device 0",
    ]


@pytest.mark.parametrize(
    "model",
    [CamerasFile, SiteSettings, Camera, FileSource, RtspSource, HttpSource, DeviceSource, Reconnect],
)
def test_every_key_is_documented_and_described(checkout: Path, model: type[BaseModel]) -> None:
    text = (checkout / "docs/cameras.md").read_text(encoding="utf-8")
    for name, field in model.model_fields.items():
        if name in ("kind", "url", "site", "reconnect"):
            continue
        assert field.description
        assert re.search(rf"`(?:\w+\.)?{name}`", text), name


def test_every_error_class_has_a_heading(checkout: Path) -> None:
    text = (checkout / "docs/errors.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\w+)$", text, re.MULTILINE)[0] == "EdgeError"
    assert set(re.findall(r"^## (\w+)$", text, re.MULTILINE)) == set(edge.errors.__all__)
