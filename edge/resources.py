"""Where the files are that belong to the project but are not code: model cards and pipelines.

In a checkout they lie at the top, beside ``edge/``. A wheel carries them inside the package, under
``edge/_shipped``, so that nothing but ``edge`` lands in site-packages.
"""

from __future__ import annotations

from pathlib import Path

from edge.errors import StartError

__all__ = ["checkout_root", "models_dir", "pipelines_dir"]

_PACKAGE = Path(__file__).resolve().parent


def checkout_root() -> Path | None:
    """Return the top of the source tree this package runs from; None when it was installed from a wheel."""
    root = _PACKAGE.parent
    is_checkout = not (_PACKAGE / "_shipped").is_dir() and (root / "pyproject.toml").is_file()
    return root if is_checkout else None


def models_dir() -> Path:
    """Return the folder of model cards, ``<name>/card.yaml``.

    Raises:
        StartError: the installation lacks it.
    """
    return _content("models")


def pipelines_dir() -> Path:
    """Return the folder of pipelines, ``<name>/pipeline.yaml``.

    Raises:
        StartError: the installation lacks it.
    """
    return _content("pipelines")


def _content(name: str) -> Path:
    root = checkout_root()
    folder = (root if root is not None else _PACKAGE / "_shipped") / name
    if not folder.is_dir():
        raise StartError(f"this installation is incomplete: no folder {folder}; install edge-reid again")
    return folder
