"""The check finds what DeepStream passes over: misspelt keys, wrong types, values out of range."""

from __future__ import annotations

from pathlib import Path

import pytest
from deepstream_site import graph_of

from edge.errors import ConfigError
from edge.fronts.deepstream.bundle import bundle_of, write_bundle
from edge.fronts.deepstream.check import check_folder, check_text, kind_of
from edge.fronts.deepstream.rules import all_rules, parse_rule


def problems(name: str, text: str, version: str = "7.1") -> list[str]:
    found = check_text(text, version, file=Path(name), missing=False)  # type: ignore[arg-type]
    return [str(problem) for problem in found]


NVINFER = "[property]\ngie-unique-id=1\n"
TRACKER = "%YAML:1.0\nTargetManagement:\n  probationAge: 2\n"
APP = "[application]\nenable-perf-measurement=1\n"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "a.txt",
            NVINFER + "netscale-factor=0.5\n",
            "a.txt:3: property.netscale-factor: no such key; did you mean 'net-scale-factor'?",
        ),
        ("a.txt", NVINFER + "network-mode=3\n", "network-mode: must be one of 0, 1, 2 (got 3)"),
        ("a.txt", NVINFER + "batch-size=two\n", "batch-size: must be a whole number (got 'two')"),
        ("a.txt", NVINFER + "net-scale-factor=-1\n", "must be 0 or more (got -1)"),
        ("a.txt", NVINFER + "infer-dims=3;256\n", "infer-dims: must be 3 numbers (got 2)"),
        (
            "a.txt",
            NVINFER + "offsets=1,2,3\n",
            "must be a number (got '1,2,3'); numbers are separated by ';'",
        ),
        ("a.txt", NVINFER + "symmetric-padding=yes\n", "must be 0 or 1 (got 'yes')"),
        ("a.txt", NVINFER + "model-file=x.caffemodel\n", "DeepStream 7.1 does not know it"),
        ("a.txt", NVINFER + "batch-size=4\nbatch-size=8\n", "'batch-size' is given twice, first in line 3"),
        ("a.txt", NVINFER + "labelfile-path=\n", "labelfile-path: must not be empty"),
        ("a.txt", NVINFER + "[class-attr-all]\n", "no section is called 'class-attr-all'"),
        ("a.txt", "[property]\nnetwork-mode=0\n", "a.txt:1: [property] needs the key 'gie-unique-id'"),
        ("t.yml", TRACKER + "  maxShadowTrackingage: 30\n", "did you mean 'maxShadowTrackingAge'?"),
        (
            "t.yml",
            TRACKER + "  minTrackerConfidence: 1.2\n",
            "t.yml:4: TargetManagement.minTrackerConfidence",
        ),
        ("t.yml", TRACKER + "  reidExtractionInterval: 8\n", "no such key"),
        ("t.yml", TRACKER + "ReID:\n  reidType: 2\n  inferDims: [3, 256]\n", "must be 3 numbers (got 2)"),
        ("t.yml", TRACKER + "StateEstimater:\n  useAspectRatio: 1\n", "did you mean 'StateEstimator'?"),
        ("t.yml", TRACKER + "  probationAge: 3\n", "'probationAge' is given twice, first in line 3"),
        ("t.yml", TRACKER + " x: [\n", "not YAML"),
        (
            "app.txt",
            APP + "[tracker]\nenable=1\nll-lib-file=x\ntracker-width=650\n",
            "a multiple of 32 (got 650)",
        ),
        ("app.txt", APP + "[sink0]\nenable=1\ntype=9\n", "sink0.type: must be 7 or less (got 9)"),
        ("app.txt", APP + "[primary-gei]\nenable=1\n", "did you mean 'primary-gie'?"),
        (
            "app.txt",
            APP + "[source0]\nenable=1\ntype=4\nuri=10.0.0.2/ch1\n",
            "must be addresses such as rtsp://",
        ),
        ("app.txt", APP + "batch-size 4\n", "app.txt:3: must be a section, a key=value or a comment"),
        (
            "r.txt",
            "[property]\nenable=1\nconfig-width=1920\nconfig-height=1080\n[roi-filtering-stream-0]\nenable=1\n"
            "roi-door=1;2;3\n",
            "r.txt:7: roi-filtering-stream-0.roi-door: must be x;y of each corner (got 3 numbers)",
        ),
        ("b.txt", "[message-broker]\nkeep-alive=soon\n", "keep-alive: must be a whole number"),
        ("m.txt", "[sensor0]\nenable=1\ntype=Camera\nid=a\nlocation=1;2\n", "location: must be 3 numbers"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_may_be_meant(name: str, text: str, expected: str) -> None:
    found = problems(name, text)
    assert any(expected in problem for problem in found), found


def test_what_is_right_is_not_complained_of() -> None:
    assert problems("a.txt", NVINFER + "net-scale-factor=0.0039\n[class-attrs-3]\ntopk=20\n") == []
    assert problems("t.yml", TRACKER + "  earlyTerminationAge: 1\n") == []


def test_a_key_of_a_later_generation_is_said_to_be_that() -> None:
    text = APP + "[sink0]\nenable=1\ntype=1\nnvdslogger=1\n"
    assert problems("app.txt", text, "9.1") == []
    assert problems("app.txt", text) == [
        "app.txt:6: sink0.nvdslogger: DeepStream 7.1 does not know it; it is a key of DeepStream from 9.1 on"
    ]


def test_a_file_that_is_named_and_missing_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    write_bundle(bundle_of(graph_of(tmp_path)), folder)
    (folder / "nvtracker.yml").unlink()
    (folder / "models" / "demo_reid.onnx").unlink()
    (folder / "notes.txt").write_text("nothing of DeepStream's")
    count, found = check_folder(folder, "7.1")
    assert count == 5
    assert sorted(str(problem).split(": ", 1)[1] for problem in found) == [
        "property.onnx-file: there is no file 'models/demo_reid.onnx' (relative to this file's folder)",
        "tracker.ll-config-file: there is no file 'nvtracker.yml' (relative to this file's folder)",
    ]


def test_a_folder_without_any_of_its_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("[a]\nb=c\n")
    with pytest.raises(ConfigError, match="holds no DeepStream configuration"):
        check_folder(tmp_path, "7.1")
    with pytest.raises(ConfigError, match="is no folder"):
        check_folder(tmp_path / "notes.txt", "7.1")


def test_every_rule_can_be_read_and_every_kind_of_file_is_known() -> None:
    rules = all_rules()
    assert set(rules) == {"app", "nvinfer", "nvdsanalytics", "nvmsgconv", "nvmsgbroker", "nvtracker"}
    assert sum(len(keys) for table in rules.values() for keys in table.values()) > 300
    with pytest.raises(ValueError, match="no such type"):
        parse_rule("number 0..1")


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("x.txt", "[property]\nconfig-width=1\n", "nvdsanalytics"),
        ("x.txt", NVINFER, "nvinfer"),
        ("x.txt", "[primary-gie]\n", "app"),
        ("x.yml", TRACKER, "nvtracker"),
        ("x.yml", "a: 1\n", ""),
        ("x.txt", "hello\n", ""),
    ],
)
def test_a_file_is_known_by_its_content(name: str, text: str, kind: str) -> None:
    assert kind_of(name, text) == kind
