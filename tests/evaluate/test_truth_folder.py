from __future__ import annotations

from pathlib import Path

import pytest
from mot_boxes import boxes_of, walk, write_boxes

from edge.errors import ConfigError
from edge.evaluate.truth_folder import read_paths, read_truth_folder


def test_boxes_and_paths_are_read(tmp_path: Path) -> None:
    write_boxes(tmp_path / "truth" / "door.txt", boxes_of(walk(4, 0, range(1, 5))))
    (tmp_path / "truth" / "paths.jsonl").write_text(
        '{"id": 4, "time_s": 0.1, "x_m": 1.5, "y_m": -2}\n\n{"id": 4, "time_s": 0, "x_m": 1, "y_m": -2}\n'
    )
    found = read_truth_folder(tmp_path)
    assert list(found.boxes) == ["door"]
    assert found.paths[4].tolist() == [[0, 1, -2], [0.1, 1.5, -2]]


def test_paths_need_not_be_there(tmp_path: Path) -> None:
    write_boxes(tmp_path / "door.txt", boxes_of(walk(4, 0, range(1, 5))))
    assert read_truth_folder(tmp_path).paths == {}


@pytest.mark.parametrize(
    "line",
    ["nonsense", "[1]", '{"id": 1}', '{"id": 1, "time_s": "x", "x_m": 0, "y_m": 0}',
     '{"id": 1, "time_s": NaN, "x_m": 0, "y_m": 0}'],
)  # fmt: skip
def test_a_malformed_line_is_told(line: str, tmp_path: Path) -> None:
    file = tmp_path / "paths.jsonl"
    file.write_text(f'{{"id": 1, "time_s": 0, "x_m": 0, "y_m": 0}}\n{line}\n')
    with pytest.raises(ConfigError, match=r"paths\.jsonl:2: must be a JSON object"):
        read_paths(file)
