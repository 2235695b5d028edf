"""JSON files that hold one object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edge.errors import ConfigError

__all__ = ["read_json_object"]


def read_json_object(file: Path) -> dict[str, Any]:
    """Read a JSON file.

    Raises:
        ConfigError: it cannot be read, is no JSON, or holds something else than an object.
    """
    try:
        found = json.loads(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", file=str(file)) from None
    except ValueError as error:
        raise ConfigError(f"is no JSON ({error})", file=str(file)) from None
    if not isinstance(found, dict):
        raise ConfigError("must be a JSON object", file=str(file))
    return found
