from __future__ import annotations

from dataclasses import replace

import pytest

from edge.errors import ConfigError
from edge.ipg.options import PRESETS, Options, preset


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
