from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edge.errors import RunError
from edge.records.crop import Crop
from edge.records.identity import Decision, Settled
from edge.stages.sink import CameraRow, RunSummary
from edge.stages.sink.report import ReportSink

MakeCrop = Callable[..., Crop]
MakeDecision = Callable[..., Decision]
MakeSettled = Callable[..., Settled]

VOID = {"meta", "img", "line", "rect", "br"}


class Checker(HTMLParser):
    """Fails on tags that are not closed in order; collects ids, links, sources and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src"):
                self.targets.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text += data


def check(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids))
    return checker


@pytest.fixture
def sink(
    tmp_path: Path, make_crop: MakeCrop, make_decision: MakeDecision, make_settled: MakeSettled
) -> ReportSink:
    sink = ReportSink(tmp_path)
    sink.decide([make_decision(identity=1, crop=make_crop()), make_decision(identity=2, tracklet="door/2/0")])
    sink.settle(make_settled([(1, 1), (2, 1), (2, 2), (30, 0)]))
    return sink


def test_the_page_is_well_formed_and_needs_nothing_from_outside(
    tmp_path: Path, sink: ReportSink, summary: RunSummary
) -> None:
    sink.close(summary)
    page = (tmp_path / "report.html").read_text("utf-8")
    checker = check(page)
    assert page.startswith("<!DOCTYPE html>")
    assert {"id-1", "id-2"} <= set(checker.ids)
    for target in checker.targets:
        assert target.startswith(("data:image/jpeg;base64,", "#id-"))
    assert not re.search(r"https?://|@import|url\(", page)
    assert str(tmp_path) not in page


def test_the_page_shows_people_cameras_and_stages(sink: ReportSink, summary: RunSummary) -> None:
    scores = {"idf1": 0.8123456, "id_switches": 3}
    text = check(sink.render(dataclasses.replace(summary, evaluation=scores))).text
    for wanted in ("id 1", "90% sure", "door", "Nobody was seen here.", "detect", "7.81", "0.812", "lost"):
        assert wanted in text
    assert "broke off" not in text


def test_pictures_are_jpegs_inside_the_page(sink: ReportSink, summary: RunSummary) -> None:
    (data,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', sink.render(summary))
    assert base64.b64decode(data).startswith(b"\xff\xd8\xff")


def test_pictures_can_be_left_out(
    tmp_path: Path,
    make_crop: MakeCrop,
    make_decision: MakeDecision,
    make_settled: MakeSettled,
    summary: RunSummary,
) -> None:
    sink = ReportSink(tmp_path, crops=False)
    sink.decide([make_decision(crop=make_crop())])
    sink.settle(make_settled([(1, 1)]))
    page = sink.render(summary)
    assert "data:image" not in page
    assert "Pictures are left out" in check(page).text


def test_whatever_a_name_holds_is_escaped(sink: ReportSink, summary: RunSummary) -> None:
    nasty = '"><script>alert(1)</script>'
    changed = dataclasses.replace(
        summary,
        site=nasty,
        error=nasty,
        pipeline=nasty,
        models=(nasty,),
        cameras={nasty: CameraRow(1, 1.0, 0, nasty)},
        evaluation={nasty: nasty},
    )
    page = sink.render(changed)
    assert "<script" not in page
    assert check(page).text.count(nasty) >= 5


def test_a_run_that_failed_says_so(sink: ReportSink, summary: RunSummary) -> None:
    text = check(sink.render(dataclasses.replace(summary, error="camera 'door': ended early", exit=4))).text
    assert "The run broke off. camera 'door': ended early" in text


def test_merged_people_are_one_person_on_the_page(
    sink: ReportSink, make_decision: MakeDecision, summary: RunSummary
) -> None:
    sink.decide([make_decision("identity.merge", 1, previous=2)])
    checker = check(sink.render(summary))
    assert "id-2" not in checker.ids
    assert "was 2" in checker.text
    assert "#id-2" not in checker.targets


def test_what_was_left_out_is_said(
    tmp_path: Path, make_decision: MakeDecision, make_settled: MakeSettled, summary: RunSummary
) -> None:
    sink = ReportSink(tmp_path, people=2)
    for identity in (1, 2, 3):
        sink.decide([make_decision(identity=identity, time_ns=identity)])
        sink.settle(make_settled([(identity * 20, identity)]))
    text = check(sink.render(summary)).text
    assert "The 2 people seen last are shown; 1 earlier ones are left out" in text


def test_a_run_without_people_or_time_has_a_page(tmp_path: Path, summary: RunSummary) -> None:
    empty = dataclasses.replace(summary, wall_s=0.0, identities=0, stages={}, cameras={})
    assert "Nobody was identified." in check(ReportSink(tmp_path).render(empty)).text


def test_a_page_that_cannot_be_written_names_the_file(
    tmp_path: Path, sink: ReportSink, summary: RunSummary
) -> None:
    (tmp_path / ".report.html.new").symlink_to("/dev/full")
    with pytest.raises(RunError, match=r"report\.html': No space left on device"):
        sink.close(summary)
