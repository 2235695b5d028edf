from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import edge.site
from edge.cli.cached_site import cached_site
from edge.errors import OutputError, StartError


class Renderer:
    """Writes two files, one after the other; ``between`` happens in the middle of it."""

    def __init__(self) -> None:
        self.between: Callable[[], object] = lambda: None
        self.count = 0

    def render_site(self, preset: str, out: Path, *, seed: int, progress: object) -> None:
        self.count += 1
        number = self.count
        out.mkdir()
        (out / "video").write_text(str(number))
        between, self.between = self.between, lambda: None
        between()
        (out / "truth").write_text(str(number))

    def why_stale(self, folder: Path, preset: str, seed: int) -> str:
        return "" if (folder / "truth").exists() else "holds no site"


@pytest.fixture
def renderer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Renderer:
    one = Renderer()
    monkeypatch.setattr(edge.site, "render_site", one.render_site)
    monkeypatch.setattr(edge.site, "why_stale", one.why_stale)
    monkeypatch.setenv("EDGE_CACHE", str(tmp_path / "cache"))
    return one


def test_two_who_render_the_same_site_at_once_do_not_mix_it(renderer: Renderer, tmp_path: Path) -> None:
    renderer.between = lambda: cached_site("demo", 0)
    folder = cached_site("demo", 0)
    assert renderer.count == 2
    assert (folder / "video").read_text() == (folder / "truth").read_text()
    assert [path.name for path in folder.parent.iterdir()] == ["demo-0"]


def test_a_rendering_that_breaks_off_leaves_nothing(renderer: Renderer, tmp_path: Path) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    renderer.between = full
    with pytest.raises(OutputError, match=r"demo-0': No space left on device; .* EDGE_CACHE"):
        cached_site("demo", 0)
    assert list((tmp_path / "cache" / "sites").iterdir()) == []


def test_what_is_there_is_not_rendered_again(renderer: Renderer) -> None:
    said: list[str] = []
    assert cached_site("demo", 4, said.append) == cached_site("demo", 4, said.append)
    assert renderer.count == 1
    assert len(said) == 1


def test_without_any_place_for_it_the_variable_is_named(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EDGE_CACHE")
    monkeypatch.setattr("edge.resources.cache_dir", lambda: None)
    with pytest.raises(StartError, match="EDGE_CACHE"):
        cached_site("demo", 0)
