"""`edge-run --demo`, in this process, with a small video in the place of the rendered site."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from small_videos import write_video
from tiny_models import BOX, write_pipeline
from typer.testing import CliRunner, Result

import edge.site
from edge.cli.run import app
from edge.errors import OutputError
from edge.site.render import Progress


class Rendering:
    """Stands in for the renderer: a small video per camera, and where the tiny detector sees its person."""

    def __init__(self) -> None:
        self.rendered: list[tuple[str, int]] = []

    def render_site(self, preset: str, out: Path, *, seed: int, progress: Progress | None) -> None:
        self.rendered.append((preset, seed))
        (out / "truth").mkdir(parents=True, exist_ok=True)
        left, top, right, bottom = (edge * size for edge, size in zip(BOX, (160, 120) * 2, strict=True))
        line = f"{left:g},{top:g},{right - left:g},{bottom - top:g},1,-1,-1,-1\n"
        cameras = ""
        for camera in ("door", "yard"):
            write_video(out / f"{camera}.mp4", 20)
            (out / "truth" / f"{camera}.txt").write_text("".join(f"{n},5,{line}" for n in range(1, 21)))
            cameras += f"  - {{name: {camera}, source: {camera}.mp4}}\n"
        (out / "cams.yaml").write_text(f"site: {{name: small}}\ncameras:\n{cameras}")
        (out / "site.json").write_text(f"{preset} {seed}")
        if progress is not None:
            progress(40, 40)

    def why_stale(self, folder: Path, preset: str, seed: int) -> str:
        file = folder / "site.json"
        if not file.exists():
            return "holds no site"
        return "" if file.read_text() == f"{preset} {seed}" else "was made by another version"


@pytest.fixture
def rendering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rendering:
    one = Rendering()
    monkeypatch.setattr(edge.site, "render_site", one.render_site)
    monkeypatch.setattr(edge.site, "why_stale", one.why_stale)
    monkeypatch.setenv("EDGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EDGE_PRETRAINED", str(tmp_path))
    write_pipeline(tmp_path)
    return one


def demo(folder: Path, *options: str) -> Result:
    out, pipeline = str(folder / "out"), str(folder / "pipeline.yaml")
    return CliRunner().invoke(app, ["--demo", "--out", out, "--pipeline", pipeline, *options])


def test_it_renders_runs_scores_and_says_where_everything_is(rendering: Rendering, tmp_path: Path) -> None:
    result = demo(tmp_path)
    assert result.exit_code == 0, result.stderr
    assert rendering.rendered == [("demo", 0)]
    assert f"rendering site 'demo', seed 0: {tmp_path}/cache/sites/demo-0 holds no site" in result.stderr
    rows = {line.split("  ")[0].strip(): line.split() for line in result.stdout.splitlines() if line}
    assert {"camera", "door", "yard", "all cameras"} <= set(rows)
    assert any("without NFC" in line for line in result.stdout.splitlines())
    assert float(rows["all cameras"][2]) > 0.9
    for file in ("report.html", "video/mosaic.mp4", "summary.json", "tracks/door.txt"):
        assert (tmp_path / "out" / file).is_file()
    assert str(tmp_path / "out" / "video" / "mosaic.mp4") in result.stdout
    assert str(tmp_path / "out" / "report.html") in result.stdout


def test_the_site_is_rendered_once_and_again_for_another_seed_or_version(
    rendering: Rendering, tmp_path: Path
) -> None:
    demo(tmp_path, "--quiet")
    assert demo(tmp_path, "--quiet").stderr == ""
    demo(tmp_path, "--quiet", "--seed", "3", "--preset", "crowd")
    assert rendering.rendered == [("demo", 0), ("crowd", 3)]
    (tmp_path / "cache" / "sites" / "demo-0" / "site.json").write_text("old")
    assert "demo-0 was made by another version" in demo(tmp_path).stderr
    assert rendering.rendered[-1] == ("demo", 0)


def test_json_is_the_summary_with_the_scores(rendering: Rendering, tmp_path: Path) -> None:
    summary = json.loads(demo(tmp_path, "--json").stdout)
    assert summary["site"] == "small"
    assert summary["evaluation"]["cross_camera_idf1"] > 0.9
    assert "nfc" in summary["evaluation"]["without"]


def test_without_the_packages_for_scores_it_runs_and_says_so(
    rendering: Rendering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "trackeval", None)
    monkeypatch.delitem(sys.modules, "trackeval.metrics", raising=False)
    result = demo(tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "no scores: tracking scores need the package 'trackeval'; pip install" in result.stderr
    assert "evaluation" not in json.loads((tmp_path / "out" / "summary.json").read_text())


def test_a_cache_that_cannot_be_written_is_one_line(
    rendering: Rendering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def render_site(preset: str, out: Path, *, seed: int, progress: Progress | None) -> None:
        raise OutputError(f"cannot write '{out}': No space left on device; choose another folder with --out")

    monkeypatch.setattr(edge.site, "render_site", render_site)
    result = demo(tmp_path)
    assert result.exit_code == 3
    assert result.stderr.splitlines()[-1].endswith("with --out; for this folder, the cache, by EDGE_CACHE")
    assert not (tmp_path / "out").exists()


def test_missing_weights_are_told_before_anything_is_rendered(rendering: Rendering, tmp_path: Path) -> None:
    (tmp_path / "tiny-reid.onnx").unlink()
    result = demo(tmp_path)
    assert result.exit_code == 3
    assert "tiny-reid.onnx" in result.stderr
    assert rendering.rendered == []


def test_a_preset_that_is_not_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EDGE_PRETRAINED", str(tmp_path))
    write_pipeline(tmp_path)
    result = demo(tmp_path, "--preset", "nowhere")
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert "nowhere" in line
    assert "demo" in line
    assert not {"out", "cache"} & {path.name for path in tmp_path.iterdir()}
