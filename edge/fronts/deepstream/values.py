"""Whether the text of one value fits its rule."""

from __future__ import annotations

import math
import re
from pathlib import Path

from edge.fronts.deepstream.rules import Rule

__all__ = ["fault_of"]

_WHOLE = re.compile(r"[+-]?[0-9]+\Z")
_POLYGON_CORNERS_MIN = 2
_COLOUR_PARTS = 4


def fault_of(value: str, rule: Rule, folder: Path | None) -> str:
    """Return what is wrong with a value, as a sentence; empty when nothing is.

    Args:
        value: the text.
        rule: what it may be.
        folder: where relative paths start; None when files need not exist.
    """
    text = value.strip().strip('"')
    if not text:
        return "must not be empty"
    if rule.kind == "bool":
        return "" if text in ("0", "1", "true", "false") else f"must be 0 or 1 (got '{text}')"
    if rule.kind in ("int", "float"):
        return _number_fault(text, rule)
    if rule.kind in ("ints", "floats", "polygon", "colour"):
        return _list_fault(text, rule)
    if rule.kind == "path":
        return _path_fault(text, folder)
    if rule.kind == "uris":
        return _uri_fault(text)
    if rule.choices and text not in rule.choices:
        return f"must be one of {', '.join(rule.choices)} (got '{text}')"
    return ""


def _number_fault(text: str, rule: Rule) -> str:
    if rule.kind == "int" and not _WHOLE.match(text):
        return f"must be a whole number (got '{text}')"
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        return f"must be a number (got '{text}')"
    if rule.choices and str(int(number)) not in rule.choices:
        return f"must be one of {', '.join(rule.choices)} (got {text})"
    if rule.low is not None and number < rule.low:
        return f"must be {rule.low:g} or more (got {text})"
    if rule.high is not None and number > rule.high:
        return f"must be {rule.high:g} or less (got {text})"
    if rule.multiple and int(number) % rule.multiple:
        return f"must be a multiple of {rule.multiple} (got {text})"
    return ""


def _list_fault(text: str, rule: Rule) -> str:
    parts = [part for part in text.strip(";").split(";") if part.strip()]
    whole = rule.kind in ("ints", "polygon")
    for part in parts:
        fault = _number_fault(part.strip(), Rule("int" if whole else "float"))
        if fault:
            return f"{fault}; numbers are separated by ';'"
    if rule.length and len(parts) != rule.length:
        return f"must be {rule.length} numbers (got {len(parts)})"
    if rule.kind == "polygon" and (len(parts) % 2 or len(parts) < 2 * _POLYGON_CORNERS_MIN):
        return f"must be x;y of each corner (got {len(parts)} numbers)"
    if rule.kind == "colour" and len(parts) != _COLOUR_PARTS:
        return f"must be red;green;blue;alpha (got {len(parts)} numbers)"
    return ""


def _path_fault(text: str, folder: Path | None) -> str:
    if folder is None or text.startswith("/opt/nvidia/"):
        return ""  # lies in DeepStream's own installation, which need not be here
    return "" if (folder / text).is_file() else f"there is no file '{text}' (relative to this file's folder)"


def _uri_fault(text: str) -> str:
    for part in text.strip(";").split(";"):
        if not re.match(r"([a-z][a-z0-9+.-]*://|\$\{[A-Za-z_][A-Za-z0-9_]*\}\Z)", part.strip()):
            return "must be addresses such as rtsp://host/path, separated by ';'"
    return ""
