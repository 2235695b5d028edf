"""Finding model cards: by name among the shipped ones, or by path."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from edge.config.card import CARD_NAME, ModelCard
from edge.config.document import load_document
from edge.config.validate import validate
from edge.errors import ConfigError
from edge.resources import models_dir

__all__ = ["card_names", "list_cards", "load_card"]

CARD_FILE = "card.yaml"


def load_card(name_or_path: str | Path) -> ModelCard:
    """Read and check one model card.

    Args:
        name_or_path: the name of a shipped card (``yolox-nano``); or the path of a card, or of a folder
            with a ``card.yaml``. A plain word is always a name: write ``./mine`` for a folder here.

    Raises:
        ConfigError: no such card (the message lists those there are), or the card is wrong (with
            file and line).
    """
    text = str(name_or_path)
    if isinstance(name_or_path, str) and CARD_NAME.match(text) and not text.endswith((".yaml", ".yml")):
        file = models_dir() / text / CARD_FILE
        if not file.is_file():
            raise ConfigError(_unknown(text))
        card = _read(file)
        if card.name != text:
            raise ConfigError(f"must be '{text}', the name of its folder", file=str(file), key="name")
        return card
    path = Path(text).expanduser()
    file = path / CARD_FILE if path.is_dir() else path
    if not file.is_file():
        raise ConfigError(_unknown(text))
    return _read(file)


def card_names() -> list[str]:
    """Names of the shipped cards, sorted."""
    return sorted(child.name for child in models_dir().iterdir() if (child / CARD_FILE).is_file())


def list_cards() -> list[ModelCard]:
    """All shipped cards, sorted by name.

    Raises:
        ConfigError: one of them is wrong.
    """
    return [load_card(name) for name in card_names()]


def _read(file: Path) -> ModelCard:
    return validate(ModelCard, load_document(file))


def _unknown(text: str) -> str:
    names = card_names()
    near = get_close_matches(text, names, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    known = ", ".join(names) or "none"
    return f"no model card '{text}'; {hint}there are: {known}, or give the path of a card.yaml"
