"""A card of several files that belong together: what ``edge models list`` says of the pedestrian generator.

Its networks are checked by :func:`edge.nets.checkpoints.verify_folder`, name by name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from edge.config.document import load_document
from edge.config.validate import validate
from edge.config.weights import search_folders
from edge.resources import models_dir

__all__ = ["FolderCard", "find_folder", "list_folder_cards"]

FOLDER_FILE = "folder.yaml"


class FolderCard(BaseModel):
    """Networks that are used together: their files, their rights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=64, description="Name in commands; the folder's name.")
    task: Literal["generate"] = Field(description="What they are for.")
    files: dict[str, str] = Field(min_length=1, description="What each is, and its file.")
    licence: str = Field(min_length=1, description="Licence of the weights and what is known of it.")
    origin: str = Field(min_length=1, description="Where the files come from.")
    notes: str = Field(default="", description="What a user should know before choosing it.")


def list_folder_cards() -> list[FolderCard]:
    """All shipped cards of this kind, sorted by name.

    Raises:
        ConfigError: one of them is wrong.
    """
    files = sorted(models_dir().glob(f"*/{FOLDER_FILE}"))
    return [validate(FolderCard, load_document(file)) for file in files]


def find_folder(card: FolderCard) -> Path | None:
    """The first folder of weights that has all files; None where there is none."""
    places = [place for folder in search_folders() for place in (folder, folder / card.name)]
    return next((p for p in places if all((p / file).is_file() for file in card.files.values())), None)
