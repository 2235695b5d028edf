from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.ipg.options import PRESETS, Options, options_for, preset


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 0},
        {"steps": 1001},
        {"guidance": -1.0},
        {"guidance": float("nan")},
        {"guidance_from": 0.5, "guidance_to": 0.4},
        {"guidance_every": 0},
        {"decode_rows": 0},
        {"seed": -1},
        {"similarity_min": 1.5},
        {"memory_bytes": -1},
    ],
)
def test_numbers_without_sense_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(changes))):
        replace(Options(), **changes)  # type: ignore[arg-type]


def test_exact_pushes_at_every_step_and_fast_in_the_middle_only() -> None:
    assert all(PRESETS["exact"].guided(time) for time in (999, 500, 0))
    assert [PRESETS["fast"].guided(time) for time in (999, 578, 350, 168, 37)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert not any(replace(PRESETS["exact"], guidance=1.0).guided(time) for time in (999, 0))


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(ConfigError, match="must be one of exact, fast"):
        preset("faster")


def test_a_generators_advice_changes_fast_and_the_user_has_the_last_word(tmp_path: Path) -> None:
    assert options_for("fast", tmp_path, {}) == PRESETS["fast"]
    advice = {"guidance": 2, "guidance_to": 0.9}
    (tmp_path / "ipg.json").write_text(json.dumps({"tokens": 3, "fast": advice}), encoding="utf-8")
    assert options_for("fast", tmp_path, {"steps": None}) == replace(PRESETS["fast"], **advice)
    assert options_for("fast", tmp_path, {"guidance": 4.0}).guidance == 4.0
    assert options_for("exact", tmp_path, {}) == PRESETS["exact"]


@pytest.mark.parametrize(
    ("advice", "says"),
    [
        ([], "fast: must be an object"),
        ({"guidence": 2}, "fast.guidence: unknown; known here: steps, guidance,"),
        ({"compile": True}, "fast.compile: unknown"),
        ({"steps": 5.5}, r"fast.steps: must be a whole number \(got 5.5\)"),
        ({"guidance": "2"}, r"fast.guidance: must be a number \(got '2'\)"),
        ({"guidance": True}, "fast.guidance: must be a number"),
        ({"steps": 0}, "ipg.json: fast.steps: must be within 1 and 1000"),
    ],
)
def test_advice_without_sense_is_named(tmp_path: Path, advice: object, says: str) -> None:
    (tmp_path / "ipg.json").write_text(json.dumps({"fast": advice}), encoding="utf-8")
    with pytest.raises(ConfigError, match=says):
        options_for("fast", tmp_path, {})
    assert options_for("exact", tmp_path, {}) == PRESETS["exact"]
