"""One line for people out of what FFmpeg and the system say when a source fails."""

from __future__ import annotations

import errno

import av.error

__all__ = ["SourceTrouble", "describe_failure"]


class SourceTrouble(Exception):
    """A source could not be opened or read on; ``str()`` is the reason, without credentials.

    Raised inside capture only. For a file it becomes an error of :mod:`edge.errors`, for a live source
    a reason to try again.
    """


def describe_failure(error: Exception, where: str, *, live: bool) -> str:
    """Say in a few words what went wrong.

    FFmpeg's own text is not used as it is: it repeats the URL with its password.

    Args:
        error: what PyAV raised.
        where: the source, already without credentials.
        live: it is a camera or a stream, not a file.
    """
    if isinstance(error, ConnectionRefusedError):
        return f"connection refused by {where}"
    if isinstance(error, (av.error.ExitError, TimeoutError)):
        return f"no answer from {where}"
    if isinstance(error, av.error.HTTPUnauthorizedError):
        return f"{where} refused the user name or password (401)"
    if isinstance(error, av.error.HTTPForbiddenError):
        return f"{where} does not allow this user (403)"
    if isinstance(error, av.error.HTTPNotFoundError):
        return f"{where} does not exist on its server (404)"
    if isinstance(error, av.error.EOFError):
        return f"{where} closed the connection" if live else f"{where} is empty or cut off"
    if isinstance(error, FileNotFoundError):
        return f"{where} does not exist"
    if isinstance(error, PermissionError):
        return f"{where} may not be read (permission denied)"
    if isinstance(error, IsADirectoryError):
        return f"{where} is a folder, not a video"
    if isinstance(error, av.error.InvalidDataError):
        if live:
            return f"{where} sends nothing that can be decoded"
        return f"{where} holds nothing that can be decoded (empty, damaged, or not a video)"
    if isinstance(error, av.error.ProtocolNotFoundError):
        return f"{where}: this kind of address is not supported"
    if isinstance(error, av.error.OSError) and error.errno == errno.EIO:
        return (
            f"cannot reach {where} (unknown host name, or no connection)" if live else f"{where}: read error"
        )
    if isinstance(error, av.error.FFmpegError) and error.strerror:
        return f"{where}: {error.strerror[:1].lower()}{error.strerror[1:]}"
    return f"{where}: {type(error).__name__}"
