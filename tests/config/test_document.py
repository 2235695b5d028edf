from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from edge.config.document import SIZE_MAX_BYTES, Document, load_document, problems_of, read_document
from edge.config.secrets import redact
from edge.errors import ConfigError


def document(tmp_path: Path, text: str | bytes, environ: Mapping[str, str] | None = None) -> Document:
    file = tmp_path / "c.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_document(file, environ or {})


def refusal(tmp_path: Path, text: str | bytes, environ: Mapping[str, str] | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        document(tmp_path, text, environ)
    error = caught.value
    assert error.file == str(tmp_path / "c.yaml")
    assert "\n" not in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None
    return error


def test_plain_types_are_made(tmp_path: Path) -> None:
    text = "a: 1\nb: 1.5\nc: yes\nd:\ne: text\nf: [1, x]\ng: 10:30\nh: '1'\ni: =\n"
    assert document(tmp_path, text).data == {
        "a": 1,
        "b": 1.5,
        "c": True,
        "d": None,
        "e": "text",
        "f": [1, "x"],
        "g": "10:30",
        "h": "1",
        "i": "=",
    }


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "empty"),
        (" \n\n", 1, "empty"),
        ("# only\n# comments\n", 1, "only comments"),
        ("a: 1\nb: [1, 2\n", 3, "not YAML"),
        ("a:\n\t- b\n", 2, "tab"),
        ("a:\n  b: 1\n \tc: 2\n", 3, "tab"),
        ("a: 1\nb: c: d\n", 2, "': '"),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("a: 'open\n", 2, "not YAML"),
        ("a: 1\nb: \x07\n", 2, "control character"),
        ("a: 1\nb: {c: ${X}}\n", 2, "in quotes"),
        ("a: *nothing\n", 1, "anchor"),
        ("a: &x 1\nb: &x 2\n", 2, "twice"),
        ("a: @b\n", 1, "not YAML"),
        (b"a: 1\nb: \xff\n", 2, "UTF-8"),
        ("a: ü\n".encode("latin-1"), 1, "UTF-8"),
        ("a: 1\n".encode("utf-16"), 1, "UTF-16"),
        (b"x" * (SIZE_MAX_BYTES + 1), 1, "larger"),
        ("a: " + "[" * 3000, 1, "deep"),
        ("- " * 3000 + "x", 1, "deep"),
        ("a: &x [*x]\n", 1, "itself"),
        ("a: &x {<<: *x}\n", 1, "itself"),
    ],
)
def test_what_cannot_be_read_at_all_names_its_line(
    tmp_path: Path, text: str | bytes, line: int, says: str
) -> None:
    error = refusal(tmp_path, text)
    assert error.line == line
    assert says in error.message


def test_a_missing_file_a_folder_and_an_odd_name_are_refused(tmp_path: Path) -> None:
    for path, says in (
        (tmp_path / "no.yaml", "no such file"),
        (tmp_path, "folder"),
        (Path("a\0b"), "cannot be read"),
    ):
        with pytest.raises(ConfigError, match=says) as caught:
            load_document(path)
        assert caught.value.exit_code == 2
        assert caught.value.__context__ is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("a: 1")
    file.chmod(0)
    with pytest.raises(ConfigError, match="Permission"):
        load_document(file)


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    assert document(tmp_path, b"\xef\xbb\xbfa: 1\r\nb: 2\r\n").data == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("text", "line", "key", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "a", "twice (first in line 1)"),
        ("c:\n  - n: 1\n    m: 2\n    n: 3\n", 4, "c.0.n", "twice"),
        ("'a': 1\n\"a\": 2\n", 2, "a", "twice"),
        ("on: 1\n", 1, "on", "true or false"),
        ("a: 1\n7: 1\n", 2, "7", "a number"),
        ("2026-11-22: 1\n", 1, "2026-11-22", "a date"),
        ("null: 1\n", 1, "null", "nothing"),
        ("? [a, b]\n: 1\n", 1, "", "one word"),
        ("a: !thing x\n", 1, "a", "tags"),
        ("a: !!python/object:os.system x\n", 1, "a", "tags"),
        ("a: !!set {x, y}\n", 1, "a", "tags"),
        ("a: 1\nb: 2026-13-45\n", 2, "b", "a date"),
        ("a: 1\n<<: 3\n", 2, "", "merges mappings"),
        ("a:\n  b: ${NOT_SET}\n", 2, "a.b", "'NOT_SET' is not set"),
    ],
)
def test_what_is_ambiguous_is_refused_in_its_line(
    tmp_path: Path, text: str, line: int, key: str, says: str
) -> None:
    error = refusal(tmp_path, text)
    assert (error.line, error.key) == (line, key)
    assert says in error.message


def test_all_problems_come_at_once_in_order_of_line(tmp_path: Path) -> None:
    error = refusal(tmp_path, "a: ${X}\na: 1\non: 2\nb: [${Y}, ok]\n".replace("[${Y}, ok]", "['${Y}', ok]"))
    assert [problem.line for problem in problems_of(error)] == [1, 2, 3, 4]
    _, problems = read_document(tmp_path / "c.yaml", {})
    assert [str(problem) for problem in problems] == [str(problem) for problem in problems_of(error)]


def test_anchors_and_merge_keys_work(tmp_path: Path) -> None:
    text = "base: &b {x: 1, y: 2}\nother: &o {y: 9, z: 3}\nc:\n  y: 5\n  <<: [*b, *o]\nd: *b\n"
    assert document(tmp_path, text).data == {
        "base": {"x": 1, "y": 2},
        "other": {"y": 9, "z": 3},
        "c": {"x": 1, "y": 5, "z": 3},
        "d": {"x": 1, "y": 2},
    }


def test_a_key_may_override_a_merged_one_but_not_itself(tmp_path: Path) -> None:
    assert document(tmp_path, "b: &b {x: 1}\nc: {<<: *b, x: 2}\n").data == {"b": {"x": 1}, "c": {"x": 2}}


@pytest.mark.parametrize("kind", ["list", "merge"])
def test_aliases_that_multiply_are_refused_quickly(tmp_path: Path, kind: str) -> None:
    if kind == "list":
        lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
        lines += [
            f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        ]
    else:
        lines = ["a: &a {k: 1}"]
        lines += [
            f"{b}: &{b} {{<<: [{', '.join([f'*{a}'] * 9)}]}}"
            for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        ]
    assert "aliases" in refusal(tmp_path, "\n".join(lines)).message


def test_lines_follow_keys_items_and_merges(tmp_path: Path) -> None:
    text = (
        "# comment\n"  # 1
        "base: &base\n"  # 2
        "  latency: 1\n"  # 3
        "list:\n"  # 4
        "  - name: a\n"  # 5
        "    sub:\n"  # 6
        "      <<: *base\n"  # 7
        "      own: 1\n"  # 8
        "  -\n"  # 9
        "    name: b\n"  # 10
        "flow: [1,\n"  # 11
        "  2]\n"  # 12
    )
    doc = document(tmp_path, text)
    assert doc.line_of(()) == 2
    assert doc.line_of(("list",)) == 4
    assert doc.line_of(("list", 0)) == 5
    assert doc.line_of(("list", 0, "sub", "own")) == 8
    assert doc.line_of(("list", 0, "sub", "latency")) == 3
    assert doc.line_of(("list", 1, "name")) == 10
    assert doc.line_of(("flow", 1)) == 12
    assert doc.line_of(("list", 0, "missing")) == 5
    assert doc.line_of(("list", 0, "<tag>", "sub", "<tag>", "own")) == 8
    assert doc.line_of(("list", 7, "name")) == 4
    assert doc.key_of(("list", 0, "<tag>", "sub", "missing")) == "list.0.sub"


def test_an_environment_value_cannot_add_keys_or_lines(tmp_path: Path) -> None:
    doc = document(tmp_path, "a: ${X}\n", {"X": "1\nb: 2\n- c"})
    assert doc.data == {"a": "1\nb: 2\n- c"}


def test_secrets_are_what_came_from_the_environment(tmp_path: Path) -> None:
    doc = document(
        tmp_path, "a: rtsp://u:${PW}@h/\nb: ${D:-default}\npassword: inline-pw\n", {"PW": "hunter2"}
    )
    assert doc.secrets == {"hunter2"}
    assert doc.template_of(("a",)) == "rtsp://u:${PW}@h/"
    assert doc.template_of(("b",)) == ""
    assert redact("hunter2 inline-pw") == "*** ***"


def test_the_representation_shows_no_content(tmp_path: Path) -> None:
    assert "hunter2" not in repr(document(tmp_path, "a: hunter2\n"))


@pytest.mark.parametrize(
    "text",
    [
        "p: *hunter2\n",
        "p: &hunter2 1\nq: &hunter2 2\n",
        "p: !hunter2 x\n",
        "p: 'hunter2\n",
        "p: hunter2: x\n",
        "p: @hunter2\n",
        "p: %hunter2\n",
        'p: "\\hunter2"\n',
        "p: [hunter2\n",
        "p: !<hunter2\n",
        "p: hunter2\n\tq: 1\n",
        "p: |hunter2\n  x\n",
        "rtsp://u:hunter2@h/: 1\nrtsp://u:hunter2@h/: 2\n",
        "{p: hunter2} trailing hunter2\n",
    ],
)
def test_no_error_quotes_the_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        document(tmp_path, text)
    for problem in problems_of(caught.value):
        assert "hunter2" not in str(problem)
