"""docs/cameras.md and docs/errors.md say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

import edge.errors
from edge.config.cameras import Camera, CamerasFile, SiteSettings, load_cameras
from edge.config.pipeline import PipelineSpec
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


def keys_of(model: type[BaseModel], prefix: str = "") -> list[tuple[str, str]]:
    """Dotted key and description of every number of a pipeline."""
    found: list[tuple[str, str]] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += keys_of(inner, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", field.description or ""))
    return found


@pytest.mark.parametrize(("key", "description"), keys_of(PipelineSpec))
def test_every_pipeline_key_stands_in_its_document_word_for_word(
    checkout: Path, key: str, description: str
) -> None:
    line = next(
        (
            line
            for line in (checkout / "docs/pipeline.md").read_text(encoding="utf-8").splitlines()
            if line.startswith(f"| `{key}` |")
        ),
        "",
    )
    assert description
    assert description in line
