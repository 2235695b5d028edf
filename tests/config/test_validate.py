from __future__ import annotations

import traceback
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from edge.config.document import load_document, problems_of
from edge.config.keys import known_keys
from edge.config.validate import PlacedError, check, validate
from edge.errors import ConfigError


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Lamp(_Part):
    kind: Literal["lamp"] = "lamp"
    watts: float = Field(default=1.0, gt=0, allow_inf_nan=False)


class Bell(_Part):
    kind: Literal["bell"] = "bell"
    lamp: int = 0  # called like the other one's tag
    tones: list[int] = []


def _tag(value: object) -> str:
    return f"<{value['kind']}>" if isinstance(value, dict) else ""


class House(_Part):
    name: str = Field(min_length=2, max_length=5)
    floors: int = Field(default=1, ge=0, le=9)
    lit: bool = False
    colour: Literal["red", "blue"] = "red"
    built: AwareDatetime | None = None
    seen: datetime | None = None
    password: int = 0
    place: tuple[float, float] = (0.0, 0.0)
    items: list[
        Annotated[Annotated[Lamp, Tag("<lamp>")] | Annotated[Bell, Tag("<bell>")], Discriminator(_tag)]
    ] = []

    @model_validator(mode="after")
    def _named_well(self) -> House:
        if self.name == "bad":
            raise PlacedError("is a bad name", "name")
        return self


def problems(tmp_path: Path, text: str, **environ: str) -> list[str]:
    file = tmp_path / "h.yaml"
    file.write_text(text, encoding="utf-8")
    _, found = check(House, load_document(file, environ))
    return [str(problem).removeprefix(f"{file}:") for problem in found]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("floors: 2\n", "1: name: this key is required"),
        ("# x\n\nfloors: 2\n", "3: name: this key is required"),
        ("name: abc\nfloors: -1\n", "2: floors: must be 0 or more (got -1)"),
        ("name: abc\nfloors: 10\n", "2: floors: must be 9 or less (got 10)"),
        ("name: abc\nfloors: 1.5\n", "2: floors: must be a whole number (got 1.5)"),
        ("name: abc\nfloors: many\n", "2: floors: must be a whole number (got 'many')"),
        ("name: abc\nfloors: [1]\n", "2: floors: must be a whole number (got a list)"),
        ("name: abc\nfloors:\n", "2: floors: must be a whole number (got nothing)"),
        ("name: abc\nlit: maybe\n", "2: lit: must be true or false (got 'maybe')"),
        ("name: abc\ncolour: green\n", "2: colour: must be 'red' or 'blue' (got 'green')"),
        ("name: 123\n", "1: name: must be text; put it in quotes (got 123)"),
        ("name: no\n", "1: name: must be text; put it in quotes (got false)"),
        ("name: 2026-11-22\n", "1: name: must be text; put it in quotes (got 2026-11-22)"),
        ("name: ''\n", "1: name: must not be empty"),
        ("name: abcdefg\n", "1: name: must have 5 characters at most (got 'abcdefg')"),
        ("name: abc\nflors: 1\n", "2: flors: unknown key; did you mean 'floors'?"),
        ("name: abc\nbuilt: 2026-11-22 10:00:00\n", "2: built: needs a time zone"),
        ("name: abc\nseen: tomorrow\n", "2: seen: must be a date and time such as"),
        ("name: abc\nplace: [1]\n", "2: place: a value is missing at the end of this list"),
        ("name: abc\nplace: [1, 2, 3]\n", "2: place: must have 2 items at most (got 3)"),
        ("name: abc\nplace: {x: 1}\n", "2: place: must be a list (got a mapping)"),
        ("name: abc\nitems: {}\n", "2: items: must be a list: lines that begin with '- ' (got a mapping)"),
        ("name: bad\n", "1: name: is a bad name"),
        ("- name: abc\n", "1: the file must be a mapping (lines like 'key: value') and is a list"),
        ("just text\n", "1: the file must be a mapping (lines like 'key: value') and is a single value"),
    ],
)
def test_each_mistake_has_its_line_and_sentence(tmp_path: Path, text: str, says: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert problem.startswith(says)


def test_members_of_a_union_and_list_items_have_the_right_line(tmp_path: Path) -> None:
    text = (
        "name: abc\n"
        "items:\n"
        "  - kind: lamp\n"
        "    watts: 0\n"
        "  - kind: bell\n"
        "    lamp: 3\n"
        "    tones:\n"
        "      - 1\n"
        "      - high\n"
        "    watt: 3\n"
        "  - kind: lamp\n"
        "    watts: .nan\n"
    )
    assert problems(tmp_path, text) == [
        "4: items.0.watts: must be more than 0 (got 0)",
        "9: items.1.tones.1: must be a whole number (got 'high')",
        "10: items.1.watt: unknown key; known here: lamp, tones",
        "12: items.2.watts: must be a finite number (got nan)",
    ]


def test_all_problems_are_listed_and_the_first_is_raised(tmp_path: Path) -> None:
    file = tmp_path / "h.yaml"
    file.write_text("floors: -1\nlit: 7\nname: abc\n")
    with pytest.raises(ConfigError) as caught:
        validate(House, load_document(file, {}))
    assert [problem.key for problem in problems_of(caught.value)] == ["floors", "lit"]
    assert str(caught.value).startswith(f"{file}:1: floors: ")
    assert caught.value.exit_code == 2


def test_a_right_document_becomes_the_model(tmp_path: Path) -> None:
    file = tmp_path / "h.yaml"
    file.write_text("name: ${N}\nfloors: ${F}\nlit: on\n")
    assert validate(House, load_document(file, {"N": "abc", "F": "3"})) == House(
        name="abc", floors=3, lit=True
    )


def test_values_from_the_environment_and_of_secret_keys_are_not_echoed(tmp_path: Path) -> None:
    found = problems(tmp_path, "name: abc\nfloors: ${F}\npassword: hunter2\nlit: ${S}\n", F="ab", S="hunter3")
    assert found == [
        "2: floors: must be a whole number (got what ${F} stands for)",
        "3: password: must be a whole number",
        "4: lit: must be true or false (got what ${S} stands for)",
    ]


def test_neither_the_text_nor_a_traceback_holds_a_credential(tmp_path: Path) -> None:
    file = tmp_path / "h.yaml"
    file.write_text("name: abc\nfloors: rtsp://u:hunter2@h/\nrtsp://u:hunter2@h/: 1\n")
    with pytest.raises(ConfigError) as caught:
        validate(House, load_document(file, {}))
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert all("hunter2" not in str(problem) for problem in problems_of(caught.value))


def test_known_keys_are_found_below_lists_and_unions() -> None:
    assert known_keys(House, ("x",))[:2] == ["name", "floors"]
    assert known_keys(House, ("items", 0, "<lamp>", "x")) == ["watts"]
    assert known_keys(House, ("items", 0, "<bell>", "x")) == ["lamp", "tones"]
    assert known_keys(House, ("place", 0, "x")) == []
