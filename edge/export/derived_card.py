"""The card of an exported network, so that a pipeline can use it like any other."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import yaml

from edge.config.card import CardInput, ModelCard
from edge.errors import OutputError

__all__ = ["derive_card", "write_card"]


def derive_card(
    card: ModelCard,
    file: Path,
    *,
    tag: str,
    batch: int | None,
    given: CardInput,
    metrics: Mapping[str, float],
) -> ModelCard:
    """What is to be said of the exported file.

    Args:
        card: of the network it was made from.
        file: the exported graph, already written.
        tag: what was done, e.g. ``int8``; part of its name, and so of the fingerprint of its embeddings.
        batch: its fixed batch; None: free.
        given: its input.
        metrics: what was measured of it.
    """
    content = file.read_bytes()
    name = f"{card.name}-{tag}"
    return card.model_copy(
        update={
            "name": name,
            "file": file.name,
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "origin": f"edge export {card.name} ({tag}), from {card.file}, {card.fingerprint}",
            "url": None,
            "notes": f"Made from {card.name}; its licence is that network's. {card.notes}".strip(),
            "input": given,
            "outputs": {key: (batch, *shape[1:]) for key, shape in card.outputs.items()},
            "batch": batch,
            "metrics": {key: round(value, 4) for key, value in metrics.items()},
        }
    )


def write_card(card: ModelCard, folder: Path) -> Path:
    """Write ``card.yaml``.

    Raises:
        OutputError: the folder cannot be written.
    """
    path = folder / "card.yaml"
    text = yaml.safe_dump(card.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write '{path}': {error.strerror or error}") from None
    return path
