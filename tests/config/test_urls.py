from __future__ import annotations

import copy
import pickle
import random
import string
from urllib.parse import unquote

import pytest

from edge.config.urls import SecretUrl, credentials_of, encode_part, is_secret_name, redact_url, split_url


def test_a_plain_url_comes_apart() -> None:
    parts = split_url("RTSP://10.0.0.2:8554/ch1?sub=1")
    assert (parts.scheme, parts.userinfo, parts.host, parts.port, parts.rest) == (
        "rtsp",
        None,
        "10.0.0.2",
        8554,
        "/ch1?sub=1",
    )


@pytest.mark.parametrize(
    ("url", "encoded"),
    [
        ("rtsp://admin:secret@host/x", "rtsp://admin:secret@host/x"),
        ("rtsp://admin:p@ss@host/x", "rtsp://admin:p%40ss@host/x"),
        ("rtsp://admin:a/b#c?d@host:554/x", "rtsp://admin:a%2Fb%23c%3Fd@host:554/x"),
        ("rtsp://admin:p%40ss@host/x", "rtsp://admin:p%40ss@host/x"),
        ("rtsp://admin:50%off@host/x", "rtsp://admin:50%25off@host/x"),
        ("rtsp://admin:my pass@host/x", "rtsp://admin:my%20pass@host/x"),
        ("rtsp://admin:a:b@host/x", "rtsp://admin:a%3Ab@host/x"),
        ("rtsp://admin@host/x", "rtsp://admin@host/x"),
        ("rtsp://admin:@host/x", "rtsp://admin:@host/x"),
        ("rtsp://u:p@[fe80::1]:554/x", "rtsp://u:p@[fe80::1]:554/x"),
        ("rtsp://u@host/a%40b", "rtsp://u@host/a%40b"),
        ("http://host/a@b", "http://host/a@b"),
    ],
)
def test_credentials_are_encoded_once(url: str, encoded: str) -> None:
    assert split_url(url).text == encoded
    assert split_url(encoded).text == encoded


@pytest.mark.parametrize(
    "url",
    ["rtsp://u:p@s/s@host/x", "rtsp://admin:12/p@host/x", "rtsp://u:p@host/a@b", "http://h:80/u:p@b"],
)
def test_a_url_of_two_readings_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="two ways"):
        split_url(url)
    assert "u:p" not in redact_url(url)


@pytest.mark.parametrize(
    "url", ["door.mp4", "rtsp://", "rtsp:///x", "rtsp://u:p@", "rtsp://h:0/", "rtsp://h:99999/"]
)
def test_what_is_no_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        split_url(url)
    assert "u:p" not in str(caught.value)


def test_any_password_survives_encoding_and_never_shows() -> None:
    rng = random.Random(7)
    letters = string.ascii_letters + string.digits + "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ü"
    for _ in range(300):
        password = "Qz7" + "".join(rng.choices(letters, k=rng.randint(1, 12))) + "7zQ"
        url = f"rtsp://admin:{encode_part(password) if '%' not in password else password}@camera.lan:554/ch1"
        try:
            text = split_url(url).text
        except ValueError:
            text = url
        for shown in (redact_url(url), redact_url(text), repr(SecretUrl(text)), f"{SecretUrl(text)}"):
            assert "Qz7" not in shown
            assert "7zQ" not in shown
        if "%" not in password:
            assert unquote(split_url(url).userinfo or "") == f"admin:{password}"


def test_encoding_leaves_what_is_encoded() -> None:
    assert encode_part(encode_part("p@ss w/rd")) == encode_part("p@ss w/rd") == "p%40ss%20w%2Frd"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://10.0.0.2/ch1", "rtsp://10.0.0.2/ch1"),
        ("rtsp://u:p@10.0.0.2/ch1", "rtsp://***@10.0.0.2/ch1"),
        ("http://h/v?token=abc&size=2", "http://h/v?token=***&size=2"),
        ("http://h/v?usr=me&pwd=abc", "http://h/v?usr=***&pwd=***"),
        ("http://h/v?api_key=abc&access_token=d", "http://h/v?api_key=***&access_token=***"),
        ("http://h/v?channel=1&subtype=0", "http://h/v?channel=1&subtype=0"),
        ("file:///data/a@b.mp4", "file:///data/a@b.mp4"),
        ("admin:pw@host/ch1", "***@host/ch1"),
        ("//admin:pw@host/ch1", "//***@host/ch1"),
        ("rtsp://admin:pw/ch1", "rtsp://***/ch1"),
        ("rtsp://admin:12pw", "rtsp://***"),
        ("rtsp://host:554/ch1", "rtsp://host:554/ch1"),
        ("rtsp://host:554", "rtsp://host:554"),
        ("rtsp://[fe80::1]:554/x", "rtsp://[fe80::1]:554/x"),
        ("rtsp:/admin:pw@host/ch1", "***@host/ch1"),
        ("videos/door.mp4", "videos/door.mp4"),
    ],
)
def test_a_shown_url_has_no_credentials(url: str, shown: str) -> None:
    assert redact_url(url) == shown
    assert redact_url(shown) == shown


def test_a_secret_url_reveals_only_on_request() -> None:
    url = SecretUrl("rtsp://u:hunter2@h/x?token=abcd")
    for shown in (str(url), repr(url), f"{url}", f"{url!r}", f"{url}", repr([url]), repr({"url": url})):
        assert "hunter2" not in shown
        assert "abcd" not in shown
    assert url.reveal() == "rtsp://u:hunter2@h/x?token=abcd"
    assert url == SecretUrl(url.reveal())
    assert url != url.reveal()
    assert len({url, SecretUrl(url.reveal())}) == 1
    assert pickle.loads(pickle.dumps(url)) == copy.deepcopy(url) == url


def test_credentials_are_found_in_every_reading() -> None:
    assert credentials_of("rtsp://u:a@b@h/x?token=tt&sub=1") == ["a@b", "tt"]
    assert "12/b" in credentials_of("rtsp://admin:12/b@host/x")
    assert credentials_of("rtsp://host/x") == []
    assert credentials_of("door.mp4") == []


@pytest.mark.parametrize(
    "name", ["password", "CAM_PASS", "DOOR_PWD", "token", "api_key", "X-Auth", "PIN", "NVR_PW"]
)
def test_secret_names_are_recognised(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["HOST", "channel", "pipeline", "spinning", "side"])
def test_other_names_are_not(name: str) -> None:
    assert not is_secret_name(name)
