"""What ``edge check`` says of the background worker: a wrong setting is a problem, a missing file is a note.

Without its weights or packages the worker is off and the run goes on, so that is no reason not to start.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import ConfigError, EdgeError, ModelError

if TYPE_CHECKING:
    from edge.config.document import Document
    from edge.config.ipg import IpgSpec

__all__ = ["worker_notes", "worker_problems"]

PACKAGES = {"torch": "torch", "diffusers": "diffusers", "safetensors": "safetensors", "PIL": "pillow"}


def worker_problems(spec: IpgSpec, document: Document) -> Iterator[ConfigError]:
    """What is wrong in the pipeline's section ``ipg``; nothing where there is no worker."""
    from edge.config.catalog import load_card
    from edge.config.document import problems_of
    from edge.config.paths import is_path

    if not spec.workers:
        return
    if not is_path(spec.model):
        try:
            card = load_card(spec.model)
            if card.task != "generate":
                message = f"model '{card.name}' is made to {card.task}, not to generate"
                yield document.problem(("ipg", "model"), message)
        except ConfigError as error:
            yield from problems_of(error) if error.file else [document.problem(("ipg", "model"), str(error))]
    if spec.poses is not None:
        from edge.ipg.skeleton import read_keypoints

        try:
            read_keypoints(spec.poses)
        except ConfigError as error:
            yield from problems_of(error)


def worker_notes(spec: IpgSpec) -> list[str]:
    """Why the worker will be off, where that is known beforehand."""
    if not spec.workers:
        return []
    missing = next((package for name, package in PACKAGES.items() if find_spec(name) is None), None)
    if missing is not None:
        return [f"the worker will be off: it needs the package '{missing}'; pip install 'edge-reid[ipg]'"]
    try:
        _find_weights(spec.model)
    except EdgeError as error:
        return [f"the worker will be off: {' '.join(str(error).split())}"]
    return []


def _find_weights(model: str) -> None:
    from edge.config.catalog import load_card
    from edge.config.paths import is_path
    from edge.config.weights import verify
    from edge.resources import models_dir

    if not is_path(model):
        card = load_card(model)
        verify(card, models_dir() / card.name / card.file)
    elif not any(Path(model).glob("*.safetensors")) and not any(Path(model).glob("*.pth")):
        raise ModelError(f"'{model}' holds no weights; docs/ipg.md says where they come from")
