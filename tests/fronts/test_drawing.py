"""How a run and what draws people in the background get along."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from front_parts import Bench, FakeIdentifier, FakeReader

from edge.records import Arrivals, Decision
from edge.stages.sink import WorkerRow


class FakeDrawing:
    """Has something new to tell each time it is asked; notes what is done with it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.decisions: list[Decision] = []

    def take(self) -> Arrivals | None:
        return Arrivals((), gone=(len(self.calls),))

    def decide(self, decisions: Sequence[Decision]) -> None:
        self.decisions += decisions

    def start(self) -> None:
        self.calls.append("start")

    def close(self) -> None:
        self.calls.append("close")

    def row(self) -> WorkerRow:
        state = "ended" if "close" in self.calls else "drawing"
        numbers = (1, "g@1", 0, 0.0, 0, 0, 0, 0, 3, 0.0, 0, 0, 0, 0, "", 0, (), 0.0, 0.0)
        return WorkerRow(state, "", *numbers)  # type: ignore[arg-type]


def test_what_was_drawn_is_offered_before_each_decision_and_the_end_is_told(tmp_path: Path) -> None:
    drawing, bench = FakeDrawing(), Bench(tmp_path, [FakeReader("door", 6)])
    bench.drawing = drawing
    result = bench.make().run()
    assert result.exit_code == 0
    assert len(bench.identifier.arrivals) == 7, "for each frame, and at the end"
    assert [one.type for one in drawing.decisions] == ["identity.new"]
    assert drawing.calls == ["start", "close"]
    told = json.loads((tmp_path / "summary.json").read_text())["worker"]
    assert (told["state"], told["identities"]) == ("ended", 3)


@pytest.mark.parametrize("fail_at", [3])
def test_a_run_that_breaks_off_ends_it_too(tmp_path: Path, fail_at: int) -> None:
    drawing = FakeDrawing()
    bench = Bench(tmp_path, [FakeReader("door", 6)], identifier=FakeIdentifier(fail_at=fail_at))
    bench.drawing = drawing
    assert bench.make().run().exit_code == 4
    assert drawing.calls == ["start", "close"]


def test_without_it_the_summary_says_nothing_of_a_worker(tmp_path: Path) -> None:
    Bench(tmp_path, [FakeReader("door", 3)]).make().run()
    assert "worker" not in json.loads((tmp_path / "summary.json").read_text())
