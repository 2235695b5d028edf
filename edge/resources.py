"""Where the files are that belong to the project but are not code: model cards, pipelines, and the cache.

In a checkout they lie at the top, beside ``edge/``. A wheel carries them inside the package, under
``edge/_shipped``, so that nothing but ``edge`` lands in site-packages.
"""

from __future__ import annotations

import os
from pathlib import Path

from edge.errors import StartError

__all__ = ["cache_dir", "checkout_root", "models_dir", "pipelines_dir"]

_PACKAGE = Path(__file__).resolve().parent


def checkout_root() -> Path | None:
    """Return the top of the source tree this package runs from; None when it was installed from a wheel."""
    root = _PACKAGE.parent
    is_checkout = not (_PACKAGE / "_shipped").is_dir() and (root / "pyproject.toml").is_file()
    return root if is_checkout else None


def cache_dir() -> Path | None:
    """Return the user's folder for what can be made again; None where there is no such place.

    ``EDGE_CACHE``, else ``$XDG_CACHE_HOME/edge-reid``, else ``~/.cache/edge-reid``. It need not exist.
    """
    own = os.environ.get("EDGE_CACHE", "")
    if own:
        return Path(own).absolute()
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not Path(base).is_absolute():  # the standard says: ignore it then
        try:
            base = str(Path.home() / ".cache")
        except RuntimeError:
            return None
    return Path(base) / "edge-reid"


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
