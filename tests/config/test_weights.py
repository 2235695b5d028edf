from __future__ import annotations

import hashlib
import logging
import os
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from edge.config import weights
from edge.config.card import ModelCard
from edge.config.weights import find_weights, locate_weights, pull, pull_folder, search_folders, verify
from edge.errors import ModelError

GOOD = bytes(range(256)) * 9000  # more than two chunks
ALTERED = b"\xff" + GOOD[1:]


def card_of(**changes: Any) -> ModelCard:
    content: dict[str, Any] = {
        "name": "my-net",
        "task": "embed",
        "file": "my_net.onnx",
        "bytes": len(GOOD),
        "sha256": hashlib.sha256(GOOD).hexdigest(),
        "licence": "MIT",
        "origin": "example.org/me/nets@abc: my_net.onnx",
        "input": {"name": "data", "width": 2, "height": 4, "resize": "stretch", "colour": "rgb"},
        "outputs": {"embedding": [None, 2]},
        "decoder": "embedding",
        "dim": 2,
    }
    return ModelCard.model_validate({**content, **changes})


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, no checkout, no EDGE_PRETRAINED, nothing verified yet."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.delenv("EDGE_PRETRAINED", raising=False)
    monkeypatch.setattr(weights, "checkout_root", lambda: None)
    monkeypatch.setattr(weights, "_verified", set())
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return here


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files hashed so far."""
    seen: list[Path] = []
    real = weights._sha256

    def counting(path: Path) -> str:
        seen.append(path)
        return real(path)

    monkeypatch.setattr(weights, "_sha256", counting)
    return seen


def put(folder: Path, content: bytes = GOOD, name: str = "my_net.onnx") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


class TestLookingUp:
    def test_folders_are_here_then_the_checkout_then_the_environment(
        self, tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(weights, "checkout_root", lambda: tmp_path / "checkout")
        entries = [str(tmp_path / "one"), "", "~/two", "three"]
        monkeypatch.setenv("EDGE_PRETRAINED", os.pathsep.join(entries))
        monkeypatch.setenv("HOME", str(tmp_path))
        assert search_folders() == [
            elsewhere / "pretrained",
            tmp_path / "checkout" / "pretrained",
            tmp_path / "one",
            tmp_path / "two",
            elsewhere / "three",
        ]

    def test_a_folder_is_searched_once(self, elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(weights, "checkout_root", lambda: elsewhere)
        monkeypatch.setenv("EDGE_PRETRAINED", str(elsewhere / "pretrained"))
        assert search_folders() == [elsewhere / "pretrained"]

    def test_a_file_is_found_here(self, elsewhere: Path) -> None:
        path = put(elsewhere / "pretrained")
        assert find_weights(card_of()) == path

    def test_a_file_is_found_in_a_folder_of_its_cards_name(self, elsewhere: Path) -> None:
        path = put(elsewhere / "pretrained" / "my-net")
        assert find_weights(card_of()) == path

    def test_a_file_is_found_in_any_folder_of_the_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EDGE_PRETRAINED", f"{tmp_path / 'none'}{os.pathsep}{tmp_path / 'nets'}")
        path = put(tmp_path / "nets")
        assert find_weights(card_of()) == path

    def test_a_symlink_is_followed(self, tmp_path: Path, elsewhere: Path) -> None:
        path = put(tmp_path / "store", name="blob")
        (elsewhere / "pretrained").mkdir()
        (elsewhere / "pretrained" / "my_net.onnx").symlink_to(path)
        assert find_weights(card_of()) == elsewhere / "pretrained" / "my_net.onnx"

    def test_the_shipped_cards_own_folder_comes_last(
        self, tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(weights, "models_dir", lambda: tmp_path / "models")
        shipped = put(tmp_path / "models" / "my-net")
        assert find_weights(card_of()) == shipped
        monkeypatch.setenv("EDGE_PRETRAINED", str(tmp_path / "nets"))
        named = put(tmp_path / "nets")
        assert find_weights(card_of()) == named
        here = put(elsewhere / "pretrained")
        assert locate_weights(card_of()) == [here, named, shipped]

    def test_a_missing_file_says_what_to_put_where_and_where_it_comes_from(self, elsewhere: Path) -> None:
        with pytest.raises(ModelError) as caught:
            find_weights(card_of())
        message = str(caught.value)
        assert message.startswith("model 'my-net': weights 'my_net.onnx' not found")
        assert str(elsewhere / "pretrained") in message
        assert "EDGE_PRETRAINED" in message
        assert "example.org/me/nets@abc: my_net.onnx" in message
        assert "edge models pull" not in message, "it has no URL"
        assert "\n" not in message

    def test_a_missing_file_with_a_url_can_be_pulled(self) -> None:
        with pytest.raises(ModelError, match="run 'edge models pull my-net'"):
            find_weights(card_of(url="https://example.org/my_net.onnx"))

    def test_a_dangling_symlink_and_a_folder_of_that_name_are_not_the_file(self, elsewhere: Path) -> None:
        (elsewhere / "pretrained" / "my-net" / "my_net.onnx").mkdir(parents=True)
        (elsewhere / "pretrained" / "my_net.onnx").symlink_to(elsewhere / "gone")
        with pytest.raises(ModelError, match="not found"):
            find_weights(card_of())


class TestVerifying:
    def test_an_empty_file_says_so(self, elsewhere: Path) -> None:
        path = put(elsewhere / "pretrained", b"")
        with pytest.raises(ModelError, match=r"my_net\.onnx is empty \(0 bytes\)") as caught:
            find_weights(card_of())
        assert str(path) in str(caught.value)

    def test_a_truncated_file_tells_both_sizes(self, elsewhere: Path, hashes: list[Path]) -> None:
        put(elsewhere / "pretrained", GOOD[:-1])
        with pytest.raises(ModelError, match=f"has {len(GOOD) - 1} bytes, but its card says {len(GOOD)}"):
            find_weights(card_of())
        assert hashes == [], "the size tells it already"

    def test_an_altered_file_of_the_same_size_is_refused(self, elsewhere: Path) -> None:
        put(elsewhere / "pretrained", ALTERED)
        with pytest.raises(ModelError, match=r"has sha256 .*…, but its card says .*…; it was altered"):
            find_weights(card_of())

    def test_a_good_copy_further_on_is_used_and_the_bad_one_reported(
        self,
        tmp_path: Path,
        elsewhere: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        bad = put(elsewhere / "pretrained", ALTERED)
        good = put(tmp_path / "nets")
        monkeypatch.setenv("EDGE_PRETRAINED", str(tmp_path / "nets"))
        with caplog.at_level(logging.WARNING):
            assert find_weights(card_of()) == good
        assert str(bad) in caplog.text

    def test_a_file_is_hashed_once_until_it_changes(self, elsewhere: Path, hashes: list[Path]) -> None:
        card = card_of()
        path = put(elsewhere / "pretrained")
        for _ in range(3):
            find_weights(card)
        assert len(hashes) == 1
        path.unlink()
        put(elsewhere / "pretrained", ALTERED)
        with pytest.raises(ModelError):
            find_weights(card)
        assert len(hashes) == 2

    def test_a_change_that_keeps_size_and_time_is_noticed(self, elsewhere: Path) -> None:
        card = card_of()
        path = put(elsewhere / "pretrained")
        find_weights(card)
        before = path.stat()
        path.write_bytes(ALTERED)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(ModelError, match="altered"):
            find_weights(card)

    def test_what_was_verified_for_one_card_is_not_for_another(self, elsewhere: Path) -> None:
        put(elsewhere / "pretrained")
        find_weights(card_of())
        with pytest.raises(ModelError, match="but its card says 000000000000"):
            find_weights(card_of(sha256="0" * 64))

    def test_an_unreadable_path_is_a_model_error(self, elsewhere: Path) -> None:
        with pytest.raises(ModelError, match="cannot read"):
            verify(card_of(), elsewhere / "none.onnx")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_file_without_permission_is_a_model_error(self, elsewhere: Path) -> None:
        put(elsewhere / "pretrained").chmod(0)
        with pytest.raises(ModelError, match="cannot read"):
            find_weights(card_of())


class Shop(BaseHTTPRequestHandler):
    """A server of weights, most of it badly run."""

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].strip("/")
        self.server.visits.append(name)  # type: ignore[attr-defined]
        if name == "moved":
            self.send_response(302)
            self.send_header("Location", "/good")
            self.end_headers()
            return
        bodies = {
            "good": GOOD,
            "altered": ALTERED,
            "short": GOOD[:-5],
            "long": GOOD + b"more",
            "truncated": GOOD[:1_500_000],
            "endless": GOOD,
            "empty": b"",
        }
        if name not in bodies:
            self.send_error(503 if name == "busy" else 404)
            return
        self.send_response(200)
        if name == "truncated":
            self.send_header("Content-Length", str(len(GOOD)))
        elif name != "endless":
            self.send_header("Content-Length", str(len(bodies[name])))
        self.end_headers()
        try:
            self.wfile.write(bodies[name])
            for _ in range(50 if name == "endless" else 0):
                self.wfile.write(GOOD)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def shop() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    server.visits = []  # type: ignore[attr-defined]
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="shop")
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def at(server: ThreadingHTTPServer, name: str) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/{name}"


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


class TestPulling:
    def test_a_good_file_is_fetched_checked_and_found_afterwards(
        self, shop: ThreadingHTTPServer, elsewhere: Path
    ) -> None:
        steps: list[tuple[int, int]] = []
        card = card_of(url=at(shop, "good"))
        path = pull(card, lambda done, total: steps.append((done, total)))
        assert path == elsewhere / "pretrained" / "my_net.onnx"
        assert path.read_bytes() == GOOD
        assert find_weights(card) == path
        assert steps[-1] == (len(GOOD), len(GOOD))
        assert [done for done, _ in steps] == sorted(done for done, _ in steps)
        assert files_in(elsewhere) == ["my_net.onnx"]

    def test_the_file_has_the_rights_of_a_usual_file(
        self, shop: ThreadingHTTPServer, elsewhere: Path
    ) -> None:
        (elsewhere / "usual").touch()
        path = pull(card_of(url=at(shop, "good")))
        assert path.stat().st_mode == (elsewhere / "usual").stat().st_mode

    def test_a_redirection_is_followed(self, shop: ThreadingHTTPServer) -> None:
        assert pull(card_of(url=at(shop, "moved"))).read_bytes() == GOOD

    def test_a_file_url_works_without_a_network(self, tmp_path: Path) -> None:
        source = put(tmp_path / "mirror")
        assert pull(card_of(url=source.as_uri())).read_bytes() == GOOD

    def test_a_good_copy_is_not_fetched_again(self, shop: ThreadingHTTPServer, elsewhere: Path) -> None:
        path = put(elsewhere / "pretrained")
        assert pull(card_of(url=at(shop, "good"))) == path
        assert shop.visits == []  # type: ignore[attr-defined]

    def test_a_good_copy_elsewhere_is_enough_even_without_a_url(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EDGE_PRETRAINED", str(tmp_path / "nets"))
        path = put(tmp_path / "nets")
        assert pull(card_of()) == path

    def test_a_bad_copy_is_replaced(self, shop: ThreadingHTTPServer, elsewhere: Path) -> None:
        path = put(elsewhere / "pretrained", ALTERED)
        assert pull(card_of(url=at(shop, "good"))) == path
        assert path.read_bytes() == GOOD

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("altered", "sent another file: sha256 .*nothing was kept"),
            ("short", f"broke off after {len(GOOD) - 5} of {len(GOOD)} bytes"),
            ("empty", f"broke off after 0 of {len(GOOD)} bytes"),
            ("truncated", f"broke off after .* of {len(GOOD)} bytes"),
            ("long", f"sent more than the {len(GOOD)} bytes"),
            ("endless", f"sent more than the {len(GOOD)} bytes"),
            ("none", "answered 404 Not Found; put 'my_net.onnx' into"),
            ("busy", "answered 503"),
        ],
    )
    def test_a_bad_answer_leaves_nothing_behind(
        self, name: str, message: str, shop: ThreadingHTTPServer, elsewhere: Path
    ) -> None:
        with pytest.raises(ModelError, match=message) as caught:
            pull(card_of(url=at(shop, name)))
        assert "\n" not in str(caught.value)
        assert files_in(elsewhere) == []

    def test_a_failed_pull_leaves_the_old_file_alone(
        self, shop: ThreadingHTTPServer, elsewhere: Path
    ) -> None:
        path = put(elsewhere / "pretrained", b"older weights")
        with pytest.raises(ModelError):
            pull(card_of(url=at(shop, "altered")))
        assert path.read_bytes() == b"older weights"
        assert files_in(elsewhere) == ["my_net.onnx"]

    def test_without_a_server_it_says_what_to_put_where(self, elsewhere: Path) -> None:
        with socket.socket() as taken:  # bound but not listening: connections are refused
            taken.bind(("127.0.0.1", 0))
            with pytest.raises(ModelError, match="cannot be reached") as caught:
                pull(card_of(url=f"http://127.0.0.1:{taken.getsockname()[1]}/my_net.onnx"))
        message = str(caught.value)
        assert f"put 'my_net.onnx' into {elsewhere / 'pretrained'} by hand" in message
        assert "example.org/me/nets@abc" in message
        assert files_in(elsewhere) == []

    def test_an_interrupted_download_leaves_nothing_behind(
        self, shop: ThreadingHTTPServer, elsewhere: Path
    ) -> None:
        def interrupt(done_bytes: int, total_bytes: int) -> None:
            assert 0 < done_bytes < total_bytes
            assert files_in(elsewhere) != ["my_net.onnx"], "no final name before it is checked"
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            pull(card_of(url=at(shop, "good")), interrupt)
        assert files_in(elsewhere) == []

    def test_a_token_in_the_url_is_never_shown(self, shop: ThreadingHTTPServer) -> None:
        with pytest.raises(ModelError) as caught:
            pull(card_of(url=at(shop, "none?token=hunter2")))
        assert "hunter2" not in str(caught.value)
        assert "answered 404" in str(caught.value)

    def test_a_card_without_a_url_cannot_be_pulled(self) -> None:
        with pytest.raises(ModelError, match=r"its card has no download address: put 'my_net\.onnx'"):
            pull(card_of())

    def test_a_folder_that_cannot_be_made_is_named(self, shop: ThreadingHTTPServer, elsewhere: Path) -> None:
        (elsewhere / "pretrained").write_text("a file where the folder should be")
        with pytest.raises(ModelError, match=r"cannot write .*my_net\.onnx"):
            pull(card_of(url=at(shop, "good")), folder=elsewhere / "pretrained")

    def test_files_go_to_the_checkout_unless_there_is_a_folder_here(
        self, tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert pull_folder() == elsewhere / "pretrained"
        monkeypatch.setattr(weights, "checkout_root", lambda: tmp_path / "checkout")
        assert pull_folder() == tmp_path / "checkout" / "pretrained"
        (elsewhere / "pretrained").mkdir()
        assert pull_folder() == elsewhere / "pretrained"


def test_weights_without_a_digest_are_taken_and_identified_by_their_own(tmp_path: Path) -> None:
    from edge.config.weights import identified

    file = tmp_path / "net.pth"
    file.write_bytes(GOOD)
    card = card_of().model_copy(update={"file": "net.pth", "sha256": None, "bytes": None, "url": None})
    assert verify(card, file) == file
    known = identified(card, file)
    assert (known.bytes, known.sha256) == (len(GOOD), hashlib.sha256(GOOD).hexdigest())
    assert identified(known, tmp_path / "elsewhere") is known
