"""Finding, checking and downloading the files of weights that model cards name.

A file is checked against its card's size and SHA-256 before any runtime opens it. Hashing is repeated in
one process only when the file has changed since.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge.config.secrets import redact
from edge.errors import ModelError
from edge.resources import checkout_root, models_dir

if TYPE_CHECKING:
    from http.client import HTTPResponse

    from edge.config.card import ModelCard

__all__ = [
    "Progress",
    "find_weights",
    "how_to_get",
    "identified",
    "locate_weights",
    "pull",
    "pull_folder",
    "search_folders",
    "verify",
]

log = logging.getLogger(__name__)

# Called with (bytes so far, bytes in all) while a file is downloaded.
Progress = Callable[[int, int], None]

CHUNK_BYTES = 1 << 20
STALLED_AFTER_S = 30.0

# (device, inode, size, modification and change time in ns, sha256) of files that matched.
_verified: set[tuple[int, int, int, int, int, str]] = set()


def search_folders() -> list[Path]:
    """Folders where weights are looked for, in order; they need not exist.

    ``pretrained/`` in the current folder, ``pretrained/`` in the checkout, then each folder of
    ``EDGE_PRETRAINED`` (separated as in ``PATH``).
    """
    folders = [Path.cwd() / "pretrained"]
    root = checkout_root()
    if root is not None:
        folders.append(root / "pretrained")
    for entry in os.environ.get("EDGE_PRETRAINED", "").split(os.pathsep):
        if entry.strip():
            folders.append(Path(entry.strip()).expanduser().absolute())
    return list(dict.fromkeys(folders))


def locate_weights(card: ModelCard) -> list[Path]:
    """Every place that has a file of the card's name, best first; nothing is read or checked.

    Besides :func:`search_folders`, and after them, the folder of the shipped card: the project's own small
    networks lie beside theirs.
    """
    places = [place for folder in search_folders() for place in (folder, folder / card.name)]
    places.append(models_dir() / card.name)
    return [place / card.file for place in places if (place / card.file).is_file()]


def find_weights(card: ModelCard) -> Path:
    """The first file that has the card's name, size and SHA-256.

    Raises:
        ModelError: there is none; says what is wrong with the one that was found, or which file to
            put where.
    """
    first_error: ModelError | None = None
    for path in locate_weights(card):
        try:
            verify(card, path)
        except ModelError as error:
            first_error = first_error or error
            continue
        if first_error is not None:
            log.warning("%s; using %s instead", first_error, path)
        return path
    if first_error is not None:
        raise first_error
    raise ModelError(f"model '{card.name}': weights '{card.file}' not found; {how_to_get(card)}")


def verify(card: ModelCard, path: Path | None = None) -> Path:
    """Check a file of weights against its card.

    Args:
        card: the card.
        path: the file; looked up by :func:`find_weights` when None.

    Returns:
        The file's path.

    Raises:
        ModelError: missing, unreadable, empty, or of another size or SHA-256 than the card says.
    """
    if path is None:
        return find_weights(card)
    try:
        status = path.stat()
        if status.st_size == 0:
            raise ModelError(
                f"model '{card.name}': {path} is empty (0 bytes); replace it; {how_to_get(card)}"
            )
        if card.sha256 is None:
            return path
        if status.st_size != card.bytes:
            raise ModelError(
                f"model '{card.name}': {path} has {status.st_size} bytes, but its card says {card.bytes}; "
                f"replace it; {how_to_get(card)}"
            )
        stamp = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if (*stamp, card.sha256) in _verified:
            return path
        found = _sha256(path)
    except OSError as error:
        raise ModelError(f"model '{card.name}': cannot read {path}: {error.strerror or error}") from None
    if found != card.sha256:
        raise ModelError(
            f"model '{card.name}': {path} has sha256 {found[:12]}…, but its card says {card.sha256[:12]}…; "
            f"it was altered or is another file; replace it; {how_to_get(card)}"
        )
    _verified.add((*stamp, card.sha256))
    return path


def identified(card: ModelCard, path: Path) -> ModelCard:
    """The card with size and SHA-256 of the file in use, where it knows none itself.

    Embeddings made with other weights are so never taken for the same.

    Raises:
        ModelError: the file cannot be read.
    """
    if card.sha256 is not None:
        return card
    try:
        return card.model_copy(update={"bytes": path.stat().st_size, "sha256": _sha256(path)})
    except OSError as error:
        raise ModelError(f"model '{card.name}': cannot read {path}: {error.strerror or error}") from None


def pull_folder() -> Path:
    """Where :func:`pull` puts files: ``pretrained/`` here if there is one or no checkout, else in that."""
    here = Path.cwd() / "pretrained"
    root = checkout_root()
    return here if root is None or here.is_dir() else root / "pretrained"


def pull(card: ModelCard, progress: Progress | None = None, *, folder: Path | None = None) -> Path:
    """Download a card's weights, unless a good copy is already there.

    The download goes to a temporary name beside its final one and is renamed only when size and
    SHA-256 are right; after a failure or an interruption nothing of it is left.

    Args:
        card: the card.
        progress: called with (bytes so far, bytes in all).
        folder: where to put the file; :func:`pull_folder` when None.

    Returns:
        The path of the checked file.

    Raises:
        ModelError: the card has no URL, the download failed or is not the file the card promises,
            or the folder cannot be written.
    """
    for path in locate_weights(card):
        try:
            return verify(card, path)
        except ModelError as error:
            log.info("%s", error)
    if card.url is None:
        raise ModelError(f"model '{card.name}': cannot be pulled; {how_to_get(card)}")
    target = (folder or pull_folder()) / card.file
    part = target.with_name(f".{card.file}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _download(card, card.url, part, progress)
        part.replace(target)
    except OSError as error:
        raise ModelError(f"model '{card.name}': cannot write {target}: {error.strerror or error}") from None
    finally:
        _remove(part)
    return verify(card, target)


def how_to_get(card: ModelCard) -> str:
    """One clause that says how to come by a card's weights; without credentials."""
    size = "" if card.bytes is None else f" ({card.bytes} bytes)"
    by_hand = (
        f"put '{card.file}'{size} into {pull_folder()}, or name its folder in "
        f"EDGE_PRETRAINED; its origin is {card.origin}"
    )
    if card.url is None:
        return f"its card has no download address: {by_hand}"
    return f"run 'edge models pull {card.name}'; or {by_hand}"


def _download(card: ModelCard, url: str, part: Path, progress: Progress | None) -> None:
    """Fetch ``url`` into ``part`` and check it.

    Raises:
        ModelError: no connection, a refusal, or other bytes than the card promises.
        OSError: ``part`` cannot be written.
    """
    digest = hashlib.sha256()
    wanted, wanted_bytes = card.sha256 or "", card.bytes or 0  # a card with a URL knows both
    done_bytes = 0
    with part.open("xb") as file:
        with _open_url(card, url) as response:
            while chunk := _read_chunk(card, response, done_bytes):
                done_bytes += len(chunk)
                if done_bytes > wanted_bytes:
                    raise ModelError(f"{_failed(card)} sent more than the {wanted_bytes} bytes of its card")
                digest.update(chunk)
                file.write(chunk)
                if progress is not None:
                    progress(done_bytes, wanted_bytes)
        file.flush()
        os.fsync(file.fileno())
    if done_bytes != wanted_bytes:
        raise ModelError(
            f"{_failed(card)} broke off after {done_bytes} of {wanted_bytes} bytes; run the command again"
        )
    if digest.hexdigest() != wanted:
        raise ModelError(
            f"{_failed(card)} sent another file: sha256 {digest.hexdigest()[:12]}…, but the card says "
            f"{wanted[:12]}…; nothing was kept; its origin is {card.origin}"
        )


def _open_url(card: ModelCard, url: str) -> HTTPResponse:
    """Connect; ModelError says what to do when there is no way to the server."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    request = Request(url, headers={"User-Agent": "edge-reid", "Accept-Encoding": "identity"})
    try:
        response: HTTPResponse = urlopen(request, timeout=STALLED_AFTER_S)
    except HTTPError as error:
        error.close()
        raise ModelError(f"{_failed(card)} answered {error.code} {error.reason}; {_by_hand(card)}") from None
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelError(
            f"{_failed(card)} cannot be reached ({redact(str(reason))}); without a network, {_by_hand(card)}"
        ) from None
    return response


def _read_chunk(card: ModelCard, response: HTTPResponse, done_bytes: int) -> bytes:
    from http.client import HTTPException

    try:
        return response.read(CHUNK_BYTES)
    except (HTTPException, OSError) as error:
        raise ModelError(
            f"{_failed(card)} broke off after {done_bytes} of {card.bytes} bytes "
            f"({type(error).__name__}); run the command again"
        ) from None


def _failed(card: ModelCard) -> str:
    return f"model '{card.name}': {redact(card.url or '')}"


def _by_hand(card: ModelCard) -> str:
    return f"put '{card.file}' into {pull_folder()} by hand; its origin is {card.origin}"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _remove(path: Path) -> None:
    """Remove a file that may not be there; only log a failure, since another error may be under way."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("cannot remove %s: %s", path, error.strerror)
