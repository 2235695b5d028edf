from __future__ import annotations

from pathlib import Path

import pytest

from edge.config.topology import load_topology
from edge.errors import ConfigError

CAMERAS = ("door", "hall")
PAIR = "pairs:\n- {from: door, to: hall, median_s: 6.1, spread_s: 0.8, low_s: 4.9, high_s: 8, overlap: 0}\n"


def written(folder: Path, text: str) -> Path:
    file = folder / "topology.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_travel_times_are_read(tmp_path: Path) -> None:
    (pair,) = load_topology(written(tmp_path, "format: 1\n" + PAIR), CAMERAS).pairs
    assert (pair.origin, pair.to, pair.median_s, pair.spread_s) == ("door", "hall", 6.1, 0.8)


def test_nothing_known_is_a_right_file(tmp_path: Path) -> None:
    assert load_topology(written(tmp_path, "format: 1\n"), CAMERAS).pairs == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PAIR.replace("hall", "attic"), "yaml:2: pairs.0.to: no camera is called 'attic'; there are: door"),
        (PAIR.replace("low_s: 4.9", "low_s: 7"), "low_s must not be above median_s"),
        (PAIR.replace("high_s: 8", "high_s: 5"), "high_s must not be below median_s"),
        (PAIR + PAIR.split("\n")[1] + "\n", "the way from 'door' to 'hall' is there twice"),
        (PAIR.replace("median_s: 6.1", "median_s: -1"), "pairs.0.median_s"),
        (PAIR.replace("spread_s", "spred_s"), "spred_s"),
        ("format: 2\n", "format"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_topology(written(tmp_path, text), CAMERAS)
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        load_topology(tmp_path / "nowhere.yaml", CAMERAS)
