from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from edge.backends import check_ports, open_session
from edge.config.card import ModelCard
from edge.config.catalog import card_names, list_cards, load_card
from edge.config.weights import verify
from edge.errors import ConfigError
from edge.resources import models_dir

SHIPPED = [
    "osnet-x0-25",
    "person-det-retail-0013",
    "reid-retail-0031",
    "reid-retail-0248",
    "reid-retail-0265",
    "yolox-nano",
    "yolox-nano-person",
]


def write_card(folder: Path, change: Iterable[tuple[str, str]] = ()) -> Path:
    """A copy of a shipped card in a folder of its own, with texts replaced."""
    text = (models_dir() / "reid-retail-0031" / "card.yaml").read_text(encoding="utf-8")
    for old, new in change:
        assert old in text
        text = text.replace(old, new)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "card.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_shipped_cards_are_all_there_and_right() -> None:
    assert set(SHIPPED) <= set(card_names())
    assert [card.name for card in list_cards()] == card_names()


def test_no_two_shipped_cards_share_a_file() -> None:
    files = [card.file for card in list_cards()]
    assert len(files) == len(set(files))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_card_comes_with_a_readme_on_licence_and_origin(name: str) -> None:
    readme = (models_dir() / name / "README.md").read_text(encoding="utf-8")
    assert readme.startswith(f"# {name}\n")
    assert "**Licence" in readme
    assert "github.com/" in readme


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_card_fits_the_file_it_names(name: str, shared: Path) -> None:
    card = load_card(name)
    path = verify(card, shared / "data" / "models" / card.file)
    session = open_session(path, backend="onnxruntime", card_name=name)
    check_ports(session, card)
    session.close()


def test_research_data_in_the_osnet_weights_is_said_plainly() -> None:
    card = load_card("osnet-x0-25")
    assert card.licence.startswith("not cleared for products")
    assert "MSMT17" in card.licence


def test_an_unknown_name_suggests_the_nearest_and_lists_all() -> None:
    with pytest.raises(ConfigError, match="no model card 'yolox-nan'; did you mean 'yolox-nano'") as caught:
        load_card("yolox-nan")
    assert "osnet-x0-25" in str(caught.value)


def test_a_card_is_read_from_a_file_or_a_folder(tmp_path: Path) -> None:
    file = write_card(tmp_path / "mine", [("name: reid-retail-0031", "name: my-net")])
    for place in (file, str(file), tmp_path / "mine", str(tmp_path / "mine")):
        card = load_card(place)
        assert isinstance(card, ModelCard)
        assert card.name == "my-net"


def test_a_plain_word_is_never_a_folder_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_card(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="no model card 'mine'"):
        load_card("mine")
    assert load_card("./mine").name == "reid-retail-0031"


@pytest.mark.parametrize("place", ["nowhere/card.yaml", "../nowhere", "none.yaml"])
def test_a_path_without_a_card_is_named(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="no model card"):
        load_card(place)


def test_a_folder_without_a_card_is_no_card(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no model card"):
        load_card(tmp_path)


def test_a_shipped_card_must_be_called_like_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_card(tmp_path / "models" / "other")
    monkeypatch.setattr("edge.config.catalog.models_dir", lambda: tmp_path / "models")
    with pytest.raises(ConfigError, match="must be 'other', the name of its folder"):
        load_card("other")


def test_a_file_outside_the_folders_is_refused_with_its_line(tmp_path: Path) -> None:
    file = write_card(tmp_path, [("file: reid_retail_0031.onnx", "file: ../../etc/shadow")])
    with pytest.raises(ConfigError, match="plain file name") as caught:
        load_card(file)
    assert caught.value.line == 3
    assert caught.value.key == "file"
    assert str(caught.value).startswith(f"{file}:3: file: ")


def test_an_unknown_key_of_the_input_is_named_with_its_line(tmp_path: Path) -> None:
    file = write_card(tmp_path, [("  colour: bgr", "  color: bgr\n  colour: bgr")])
    with pytest.raises(ConfigError) as caught:
        load_card(file)
    assert caught.value.key == "input.color"
    assert file.read_text(encoding="utf-8").splitlines()[caught.value.line - 1] == "  color: bgr"


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    file = write_card(tmp_path, [("batch: null", "batch: null\nbatch: 1")])
    with pytest.raises(ConfigError, match="batch"):
        load_card(file)
