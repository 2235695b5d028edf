"""Addresses of cameras: taken apart, made safe to show, and encoded so that a server understands them.

Passwords of cameras contain ``@``, ``/``, ``#`` and ``%`` more often than any standard likes, so these
functions accept more than :mod:`urllib.parse` does, and what they show never holds a credential.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

__all__ = [
    "MASK",
    "SecretUrl",
    "UrlParts",
    "credentials_of",
    "encode_part",
    "is_secret_name",
    "lacks_scheme",
    "mask_bare",
    "mask_parameters",
    "redact_url",
    "split_url",
]

MASK = "***"

_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\s\[\]@:/?#]+)(?::([0-9]{1,5}))?(?=[/?#]|\Z)")
_SECRET_NAME = re.compile(
    r"pass|pwd|psw|token|secret|key|auth|sig|cred|session|\bsid\b|\bpin\b|\bpw\b", re.IGNORECASE
)
# scheme://user:password, its @host forgotten: what follows the colon is no port
_HOSTLESS = re.compile(
    r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^\s/@:\[\"'?#]+:(?![0-9]{1,5}(?!\w))[^\s/@\"']+(?=[\s/\"']|\Z)"
)
# user:password@host, its scheme forgotten
_BARE = re.compile(r"(?:(?<![\w/@.-])|(?<=(?<!/)//))[^\s:/@'\"(\[{]+:(?!//)[^\s'\"]+@(?=[\w\[])")
_USER_NAME = re.compile(r"user|\busr\b|login|account", re.IGNORECASE)
_PARAMETER = re.compile(r"([?&;#])([^=&;#?\s\"]+)=([^&;#\s\"']*)")
_UNRESERVED_IN_USERINFO = "!$'()*+,;="


@dataclass(frozen=True, slots=True, repr=False)
class UrlParts:
    """A URL taken apart; ``rest`` is path, query and fragment, ``userinfo`` None when there is none."""

    scheme: str
    userinfo: str | None
    host: str
    port: int | None
    rest: str

    def __repr__(self) -> str:
        """Show the parts without credentials."""
        return f"UrlParts({redact_url(self.text)!r})"

    @property
    def text(self) -> str:
        """The URL again, its userinfo percent-encoded where it was not."""
        user = ""
        if self.userinfo is not None:
            name, colon, password = self.userinfo.partition(":")
            user = f"{encode_part(name)}{colon}{encode_part(password)}@"
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{user}{self.host}{port}{self.rest}"


class SecretUrl:
    """A camera's address that can be passed around and shown without giving its password away.

    ``str()``, ``repr()`` and formatting give the masked form; only :meth:`reveal` gives the address a
    library can open. Two are equal when their addresses are.
    """

    __slots__ = ("_url",)

    def __init__(self, url: str) -> None:
        self._url = url

    def reveal(self) -> str:
        """The address with its credentials, for the library that opens it and nobody else."""
        return self._url

    @property
    def scheme(self) -> str:
        """``rtsp``, ``https`` and so on, in lower case."""
        return self._url.partition(":")[0].lower()

    def __str__(self) -> str:
        return redact_url(self._url)

    def __repr__(self) -> str:
        return f"SecretUrl({redact_url(self._url)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretUrl) and other._url == self._url

    def __hash__(self) -> int:
        return hash((SecretUrl, self._url))


def is_secret_name(name: str) -> bool:
    """Whether a key, query parameter or environment variable of this name holds a secret."""
    return _SECRET_NAME.search(name.replace("_", " ")) is not None


def split_url(text: str) -> UrlParts:
    """Take a URL apart, also one whose password holds ``@``, or ``/``, ``#`` or ``?`` unencoded.

    The part before the last ``@`` of the authority is the userinfo. Where the authority makes no sense
    (``rtsp://admin:a/b@host``: 'a' is no port), everything before the last ``@`` is. Where both readings
    make sense, none is taken: the wrong one would send the password to the wrong host.

    Raises:
        ValueError: there is no scheme or no usable host, or two; the message holds nothing of the URL.
    """
    match = _SCHEME.match(text)
    if match is None:
        raise ValueError("has no scheme such as rtsp://")
    scheme, tail = match[1].lower(), text[match.end() :].strip()
    authority = re.split(r"[/?#]", tail, maxsplit=1)[0]
    first, last = authority.rfind("@"), tail.rfind("@")
    readings = {at: host for at in (first, last) if (host := _HOST.match(tail, at + 1))}
    if not readings:
        raise ValueError("has no usable host (write rtsp://host/path; 'user:password@' goes before the host)")
    if len(readings) == 2 and ":" in authority:
        raise ValueError(
            "can be read in two ways: in a password write @ / ? # as %40 %2F %3F %23, and @ in a path as %40"
        )
    at = min(readings)
    host = readings[at]
    port = None if host[2] is None else int(host[2])
    if port is not None and not 1 <= port <= 65535:
        raise ValueError("has a port that is not within 1 and 65535")
    return UrlParts(scheme, tail[:at] if at >= 0 else None, host[1], port, tail[host.end() :])


def lacks_scheme(text: str) -> bool:
    """Whether a text looks like ``user:password@host``, an address whose scheme was forgotten."""
    return _BARE.match(_without_slashes(text)) is not None


def _without_slashes(text: str) -> str:
    """The text without what is left of ``rtsp://`` when the scheme is lost."""
    return re.sub(r"^\s*:?//(?!/)", "", text).strip()


def encode_part(text: str) -> str:
    """Percent-encode a user name, password or query value, unless it is already encoded.

    A ``%`` that begins no valid escape means that the text is not encoded at all.
    """
    encoded = re.search(r"%(?![0-9A-Fa-f]{2})", text) is None
    return quote(text, safe=_UNRESERVED_IN_USERINFO + ("%" if encoded else ""))


def redact_url(url: str) -> str:
    """One URL with its userinfo and the secret values of its query masked.

    Everything up to the last ``@`` is masked: that may take the host along where a path holds an ``@``,
    and never shows half of a password that does.
    """
    match = _SCHEME.match(url)
    if match is None:
        return mask_bare(url)
    if match[1].lower() == "file":
        return url
    tail = url[match.end() :]
    if "@" in tail:
        tail = f"{MASK}@{tail.rpartition('@')[2]}"
    return mask_bare(url[: match.end()] + mask_parameters(tail))


def mask_bare(text: str) -> str:
    """Mask ``user:password`` of an address that lost its scheme or its host."""
    return _HOSTLESS.sub(rf"\1{MASK}", _BARE.sub(f"{MASK}@", text))


def mask_parameters(text: str) -> str:
    """Mask values like the one of ``?token=…`` in a URL without its authority, or in any text."""
    return _PARAMETER.sub(_mask_parameter, text)


def _mask_parameter(match: re.Match[str]) -> str:
    name = match[2].replace("_", " ")
    hidden = _SECRET_NAME.search(name) or _USER_NAME.search(name)
    return f"{match[1]}{match[2]}={MASK}" if hidden and match[3] else match[0]


def credentials_of(url: str) -> list[str]:
    """The password and the secret query values of a URL, as written; empty when it has none."""
    match = _SCHEME.match(url)
    if match is None:
        bare = _BARE.match(_without_slashes(url))
        return [bare[0][:-1].partition(":")[2]] if bare else []
    if match[1].lower() == "file":
        return []
    found = []
    tail = url[match.end() :]
    try:
        userinfo = split_url(url).userinfo
    except ValueError:
        userinfo = tail.rpartition("@")[0] or None
    readings = [userinfo, tail.rpartition("@")[0]]
    for reading in readings:
        if reading:
            user, colon, password = reading.partition(":")
            found.append(password if colon else user)
    for _, name, value in _PARAMETER.findall(tail):
        if is_secret_name(name):
            found.append(value)
    return [value for value in dict.fromkeys(found) if value]
