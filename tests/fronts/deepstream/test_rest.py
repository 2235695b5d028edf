"""Adding and removing cameras, against a real server on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from edge.errors import StartError
from edge.fronts.deepstream.rest import add_camera, remove_camera

CAMERA = ("door", "rtsp://admin:s3cret!@10.0.0.2/ch1")


class Server(HTTPServer):
    asked: list[tuple[str, dict[str, object]]]
    answer: tuple[int, bytes]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, json.loads(body)))
        self.send_response(self.server.answer[0])
        self.end_headers()
        self.wfile.write(self.server.answer[1])

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.asked, server.answer = [], (200, b"{}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_camera_is_added_and_removed_in_the_words_of_nvmultiurisrcbin(server: Server) -> None:
    add_camera(CAMERA, server.server_port)
    remove_camera(CAMERA, server.server_port)
    paths = [path for path, _ in server.asked]
    assert paths == ["/api/v1/stream/add", "/api/v1/stream/remove"]
    first = server.asked[0][1]
    assert first["key"] == "sensor"
    assert first["value"] == {
        "camera_id": "door",
        "camera_name": "door",
        "camera_url": CAMERA[1],
        "change": "camera_add",
        "metadata": {},
    }


def test_a_refusal_is_told_without_the_password(server: Server) -> None:
    server.answer = (400, b"cannot open rtsp://admin:s3cret!@10.0.0.2/ch1")
    with pytest.raises(StartError) as caught:
        add_camera(CAMERA, server.server_port)
    assert "answered 400: cannot open rtsp://***@10.0.0.2/ch1" in str(caught.value)


def test_nobody_listening_says_what_to_set() -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        port = closed.server_port
    with pytest.raises(StartError, match=rf"nobody takes it at http://127\.0\.0\.1:{port}.*rest_port"):
        add_camera(CAMERA, port)
