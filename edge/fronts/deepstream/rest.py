"""Add and remove cameras while DeepStream runs, through the REST server inside nvmultiurisrcbin.

The server has no password of its own, so it listens on loopback only.
"""

from __future__ import annotations

import json
from http.client import HTTPException
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from edge.config.secrets import redact, register_url
from edge.errors import StartError

__all__ = ["add_camera", "remove_camera"]

_TIMEOUT_S = 10.0


def add_camera(camera: tuple[str, str], port: int, host: str = "127.0.0.1") -> None:
    """Ask for a camera to be opened.

    Args:
        camera: name and address.
        port: where the REST server listens.
        host: where it runs.

    Raises:
        StartError: nobody listens there, or the camera is refused.
    """
    _send("add", "camera_add", camera, f"http://{host}:{port}")


def remove_camera(camera: tuple[str, str], port: int, host: str = "127.0.0.1") -> None:
    """Ask for a camera to be closed; arguments and errors as :func:`add_camera`."""
    _send("remove", "camera_remove", camera, f"http://{host}:{port}")


def _send(verb: str, change: str, camera: tuple[str, str], server: str) -> None:
    name, url = camera
    register_url(url)
    value = {"camera_id": name, "camera_name": name, "camera_url": url, "change": change, "metadata": {}}
    body = json.dumps({"key": "sensor", "value": value}).encode()
    headers = {"Content-Type": "application/json"}
    request = Request(f"{server}/api/v1/stream/{verb}", data=body, headers=headers, method="POST")
    try:
        build_opener(ProxyHandler({})).open(request, timeout=_TIMEOUT_S).close()
    except HTTPError as error:
        answer = redact(error.read(300).decode("utf-8", "replace")).strip()
        error.close()
        raise StartError(f"camera '{name}': {server} answered {error.code}: {answer or 'nothing'}") from None
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise StartError(
            f"camera '{name}': nobody takes it at {server} ({redact(str(reason))}); is DeepStream running, "
            "with deepstream.rest_port set to that port?"
        ) from None
