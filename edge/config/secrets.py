"""Keep credentials out of everything a human or a file will see.

Two nets, both always on: :func:`redact` masks what *looks* like a credential (userinfo of any URL,
``token=…``), and whatever was registered with :func:`register_secret`, in its plain, percent-encoded and
escaped forms. Loading a configuration registers the values that came from the environment, the passwords
of URLs and the values of keys such as ``password``; so a library's own message is safe as well, once it
has gone through :func:`redact` or a :class:`RedactingFilter`.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import traceback
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote

from edge.config.urls import MASK, credentials_of, is_secret_name, mask_bare, mask_parameters, redact_url

__all__ = [
    "MASK",
    "RedactingFilter",
    "is_harmless",
    "redact",
    "redact_url",
    "register_environment",
    "register_secret",
    "register_url",
]

SHORTEST = 3  # a shorter secret would mask half of every text; in a URL it is masked all the same
SHORT = 6  # below this many characters a secret is masked only where it is not part of a longer word

_USERINFO = re.compile(r"\b(?!file:)([A-Za-z][A-Za-z0-9+.-]*://)(?:(?!://)[^\s\"])*@", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"([\w-]*(?:passw(?:or)?d|passwd|pwd|token|secret|api_?key)[\w-]*=)(?!\*\*\*)([^&\s\"';#]+)",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(r"\b(Basic|Bearer|Digest)\s+[A-Za-z0-9+/=._~-]{6,}")


class _Registry:
    """The secrets of this process and one pattern that finds them all; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, forms: Iterable[str]) -> None:
        with self._lock:
            known = len(self._forms)
            self._forms.update(form for form in forms if len(form) >= SHORTEST)
            if len(self._forms) == known:
                return
            longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
            self._pattern = re.compile("|".join(_form_pattern(form) for form in longest_first))

    def mask(self, text: str) -> str:
        pattern = self._pattern
        return text if pattern is None else pattern.sub(MASK, text)


_registry = _Registry()


def _form_pattern(form: str) -> str:
    escaped = re.escape(form)
    return escaped if len(form) >= SHORT else rf"(?<![A-Za-z0-9]){escaped}(?![A-Za-z0-9])"


def register_secret(value: str) -> None:
    """Mask this text wherever :func:`redact` meets it, also percent-encoded, escaped or JSON-quoted.

    Text shorter than three characters is not registered: it would mask half of every message.
    """
    plain = {value, value.strip(), unquote(value)} - {""}
    forms = set(plain)
    for text in plain:
        for encoded in (
            quote(text, safe=""),
            quote(text),
            quote_plus(text),
            quote(text, safe="!$&'()*+,;=:"),
        ):
            forms.add(encoded)
            forms.add(re.sub(r"%[0-9A-F]{2}", lambda escape: escape[0].lower(), encoded))
        forms.add(json.dumps(text)[1:-1])
        forms.add(json.dumps(text, ensure_ascii=False)[1:-1])
        forms.add(repr(text)[1:-1])
        forms.update(line.strip() for line in text.splitlines())
    _registry.add(forms)


def register_url(url: str) -> None:
    """Register the password and the secret query values of a URL, if it has any."""
    for value in credentials_of(url):
        register_secret(value)


def register_environment(name: str, value: str, *, shown_anyway: bool = False) -> None:
    """Register the value of an environment variable that a configuration refers to.

    Everything counts as secret but what is plainly something else (:func:`is_harmless`) under a name that
    does not sound like a secret. Of a URL the credentials are registered, and a long path, since some
    recorders put their token there; the host stays readable.

    Args:
        name: the variable's name.
        value: its value.
        shown_anyway: it stands where nobody keeps a secret (a camera's name, a host); then only a
            variable whose name sounds like a secret is registered.
    """
    if "://" in value:
        register_url(value)
        path = re.sub(r"^\s*[^:]+://[^/]*", "", value.rpartition("@")[2]).strip()
        if len(path) >= 12 and not value.lower().startswith("file:"):
            register_secret(path)
    elif is_secret_name(name) or not (shown_anyway or is_harmless(value)):
        register_secret(value)
        user, colon, password = value.partition(":")
        if colon and user and len(password) >= SHORTEST:
            register_secret(password)


def is_harmless(value: str) -> bool:
    """Whether a value is plainly no secret: a short number, a switch, an IP address, an existing path."""
    text = value.strip()
    if len(text) < SHORTEST or re.fullmatch(r"[0-9]{1,5}|[0-9]*\.[0-9]+", text):
        return True
    if text.lower() in {"true", "false", "yes", "null", "none", "off", "tcp", "udp", "localhost"}:
        return True
    try:
        ip_address(text)
    except ValueError:
        try:
            return text.startswith(("/", "./", "../", "~/")) and Path(text).expanduser().exists()
        except (OSError, RuntimeError, ValueError):
            return False
    return True


def redact(text: str) -> str:
    """The text with every credential masked by ``***``; anything else unchanged."""
    text = _registry.mask(text)
    text = _USERINFO.sub(rf"\1{MASK}@", text)
    text = mask_parameters(mask_bare(text))
    text = _ASSIGNED.sub(rf"\1{MASK}", text)
    return _AUTHORIZATION.sub(rf"\1 {MASK}", text)


class RedactingFilter(logging.Filter):
    """Masks credentials in every record, its traceback included.

    Add it to *handlers*: a logger's filter does not see the records of the loggers below it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record in place; it always passes."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError) as error:
            message = f"{record.msg} (cannot be formatted: {type(error).__name__})"
        record.msg = redact(message)
        record.args = None
        if record.exc_info and record.exc_info[0] is not None and not record.exc_text:
            record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True
