from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.records import Crop, Decision
from edge.stages.sink import RunSummary, WorkerRow
from edge.stages.sink.generated import generated_block, worker_section
from edge.stages.sink.report import DRAWN_MAX, ReportSink
from edge.stores import KeptPicture
from edge.stores.labelled import SYNTHETIC, encode_png, encode_synthetic, notes_of

NOISE = np.random.default_rng(0).integers(0, 255, size=(256, 128, 3)).astype(np.uint8)
PICTURES = [
    KeptPicture("reference", False, encode_png(NOISE)),
    KeptPicture("front", True, encode_synthetic(NOISE)),
    KeptPicture("<back>", True, encode_synthetic(NOISE[:64, :32])),
]
SUMMARY = RunSummary("r", "hall", 0, 1.0, 1, {}, {})
ROW = WorkerRow(
    "off",
    "<no weights>",
    1,
    "",
    0,
    0.0,
    0,
    0,
    0,
    0,
    0,
    0.0,
    0,
    0,
    0,
    2,
    "it hung",
    1,
    ((4, "a<b"),),
    0.0,
    0.0,
)


def test_generated_pictures_are_captioned_so_and_their_files_still_say_it() -> None:
    block = generated_block(PICTURES)
    assert block.count("<figcaption>generated</figcaption>") == 2
    assert "not photographs" in block
    assert "&lt;back&gt;" in block
    assert "reference" not in block
    for data in re.findall(r"base64,([^\"]+)", block):
        assert notes_of(base64.b64decode(data))["Description"] == SYNTHETIC
    assert 'height="96"' in block


def test_nothing_is_shown_of_somebody_who_was_not_drawn() -> None:
    assert generated_block([]) == ""
    assert generated_block(PICTURES[:1]) == ""


def test_the_section_tells_why_the_worker_is_off_and_what_was_set_aside() -> None:
    text = "".join(worker_section(ROW))
    assert "off: &lt;no weights&gt;" in text
    assert "set aside: id 4" in text
    assert "a&lt;b" in text
    assert "2, the last because it hung" in text
    assert worker_section(None) == []


def seen(identity: int, at_ns: int) -> Decision:
    crop = Crop("door", identity, 1, at_ns, 0.9, NOISE[:100, :50])
    return Decision("identity.new", at_ns, "door", identity, f"door/{identity}/0", identity, 0, 0.9, {}, crop)


def test_the_report_shows_them_beside_the_photographs_and_only_with_pictures(tmp_path: Path) -> None:
    asked: list[int] = []

    def generated(identity: int) -> list[KeptPicture]:
        asked.append(identity)
        return PICTURES if identity == 1 else []

    sink = ReportSink(tmp_path, generated=generated)
    sink.decide([seen(1, 10), seen(2, 20)])
    text = sink.render(replace(SUMMARY, worker=ROW))
    assert sorted(asked) == [1, 2]
    first, second = text.split('id="id-1"')[1].split('id="id-2"')
    assert 'class="generated"' in first
    assert first.index("data:image/jpeg") < first.index("data:image/png")
    assert 'class="generated"' not in second
    assert "Background worker" in text
    bare = ReportSink(tmp_path, crops=False, generated=generated)
    bare.decide([seen(1, 10)])
    assert 'class="generated"' not in bare.render(SUMMARY)


def test_a_long_report_shows_those_seen_last(tmp_path: Path) -> None:
    sink = ReportSink(tmp_path, generated=lambda identity: PICTURES[2:])
    sink.decide([seen(identity, identity) for identity in range(1, DRAWN_MAX + 6)])
    text = sink.render(SUMMARY)
    assert text.count('class="generated"') == DRAWN_MAX
    assert f"the {DRAWN_MAX} people seen last" in text
    assert 'class="generated"' not in text.split('id="id-5"')[1].split('id="id-6"')[0]
