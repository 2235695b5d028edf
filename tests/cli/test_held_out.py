"""The small networks that ship with the project, on drawn pictures they were not trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.cli.held_out import find_people, score_crops, score_scenes
from edge.config.catalog import load_card
from edge.config.weights import find_weights, verify
from edge.resources import models_dir
from edge.site.picture_store import draw_crops, draw_scenes

HELD_OUT_SEED = 30_000_000  # neither trained on nor scored in the card


@pytest.mark.parametrize("name", ["demo-detector", "demo-reid"])
def test_the_weights_lie_beside_their_card(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDGE_PRETRAINED", raising=False)
    card = load_card(name)
    assert find_weights(card) == models_dir() / name / card.file
    verify(card)
    readme = (models_dir() / name / "README.md").read_text(encoding="utf-8")
    assert readme.startswith(f"# {name}\n")
    assert "**Licence" in readme
    assert card.licence.startswith("Apache-2.0")


def test_both_together_are_small() -> None:
    assert sum(load_card(name).bytes for name in ("demo-detector", "demo-reid")) <= 8e6


def test_the_detector_finds_the_people_of_scenes_it_has_never_seen(tmp_path: Path) -> None:
    card = load_card("demo-detector")
    score = score_scenes(find_weights(card), card, draw_scenes(tmp_path, HELD_OUT_SEED, 24))
    assert score["ap50"] > 0.3


def test_an_empty_picture_has_nobody_in_it() -> None:
    import numpy as np

    card = load_card("demo-detector")
    with find_people(find_weights(card), card, 0.5) as find:
        boxes, scores = find(np.full((360, 640, 3), 114, np.uint8))
    assert len(boxes) == len(scores) == 0


def test_the_reid_network_ranks_the_right_person_first(tmp_path: Path) -> None:
    card = load_card("demo-reid")
    score = score_crops(find_weights(card), card, draw_crops(tmp_path, HELD_OUT_SEED, 30, 5))
    assert score["rank1"] > 0.5
    assert score["map"] > 0.3
