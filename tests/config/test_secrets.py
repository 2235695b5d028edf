from __future__ import annotations

import io
import json
import logging
import random
import string
import threading
from pathlib import Path
from urllib.parse import quote

import pytest

from edge.config.secrets import (
    RedactingFilter,
    is_harmless,
    redact,
    register_environment,
    register_secret,
    register_url,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "camera 'door': refused by rtsp://u:p@h/x; again",
            "camera 'door': refused by rtsp://***@h/x; again",
        ),
        ("rtsp://u:p@s@h/x", "rtsp://***@h/x"),
        ("rtsp://u:p/q#r@h/x", "rtsp://***@h/x"),
        ("rtsps://u:it's@h/x", "rtsps://***@h/x"),
        ("a rtsp://u:p@h/x and http://v:q@i/y", "a rtsp://***@h/x and http://***@i/y"),
        ("rtsp://u:p@h/x;rtsp://v:q@i/y", "rtsp://***@h/x;rtsp://***@i/y"),
        ("GET /v?token=abc&n=1 HTTP", "GET /v?token=*** HTTP".replace("***", "***&n=1")),
        ("password=hunter2 given", "password=*** given"),
        ("Authorization: Basic dTpwYXNzd29yZA==", "Authorization: Basic ***"),
        ("user admin:hunter2@host said", "user ***@host said"),
        ("rtsp://h/user=admin_password=hunter2_channel=1.sdp", "rtsp://h/user=admin_password=***"),
        ("cams.yaml:7: cameras.0.source: must be 0 or more (got -5)", None),
        ("cannot open rtsp://host:554: refused", None),
        ("mail me@example.org at 10:30", None),
        ("file:///data/a:b@c.mp4", None),
        ("rtsp://***@h/x?token=***", None),
        ("unknown key; did you mean 'latency_ms'?", None),
    ],
)
def test_what_looks_like_a_credential_is_masked(text: str, shown: str | None) -> None:
    assert redact(text) == (text if shown is None else shown)
    assert redact(redact(text)) == redact(text)


def test_a_registered_secret_is_masked_in_all_its_forms() -> None:
    secret = 'p@ss/w"o\\rd ü'
    register_secret(secret)
    for form in (secret, quote(secret), quote(secret, safe=""), repr(secret), json.dumps(secret)):
        shown = redact(f"before {form} after")
        assert "***" in shown
        assert "ss/w" not in shown
        assert "ss%2Fw" not in shown
        assert shown.startswith("before ")
        assert shown.endswith(" after")


def test_any_registered_secret_never_shows() -> None:
    rng = random.Random(11)
    for _ in range(200):
        secret = "".join(rng.choices(string.printable, k=rng.randint(6, 20))).strip()
        if len(secret) < 6:
            continue
        register_secret(secret)
        assert secret not in redact(f"x {secret} y")
        assert secret not in redact(f"({secret!s})")


def test_a_short_secret_does_not_eat_longer_words() -> None:
    register_secret("door")
    assert redact("doorbell at the door") == "doorbell at the ***"
    register_secret("ab")
    assert redact("about ab") == "about ab"


def test_the_longer_of_two_secrets_wins() -> None:
    register_secret("hunter2")
    register_secret("hunter2-more")
    assert redact("<hunter2-more> <hunter2>") == "<***> <***>"


def test_a_url_gives_its_password_away_to_the_register() -> None:
    register_url("rtsp://admin:p%40ssw0rd@h/x?token=tok-123456")
    assert redact("the server did not like p@ssw0rd nor p%40ssw0rd nor tok-123456") == (
        "the server did not like *** nor *** nor ***"
    )


def test_environment_values_are_secret_unless_plainly_something_else(tmp_path: Path) -> None:
    register_environment("DOOR", "hunter2!")
    register_environment("PORT", "8554")
    register_environment("HOST", "10.0.0.2")
    register_environment("DATA", str(tmp_path))
    register_environment("CAM_PIN", "4711")
    register_environment("URL", "rtsps://10.0.0.1:7441/AbCdEfGhIjKl")
    register_environment("SITE", "warehouse", shown_anyway=True)
    text = f"hunter2! 8554 10.0.0.2 {tmp_path} 4711 rtsps://10.0.0.1:7441/AbCdEfGhIjKl warehouse"
    assert redact(text) == f"*** 8554 10.0.0.2 {tmp_path} *** rtsps://10.0.0.1:7441*** warehouse"


def test_user_and_password_in_one_variable_are_both_masked() -> None:
    register_environment("CRED", "admin:hunter2")
    assert redact("login hunter2") == "login ***"


@pytest.mark.parametrize("value", ["1", "8554", "0.5", "true", "::1", "/", ""])
def test_harmless_values(value: str) -> None:
    assert is_harmless(value)


@pytest.mark.parametrize("value", ["hunter2", "123456789", "/+base64/token==", "abc"])
def test_values_that_may_be_secret(value: str) -> None:
    assert not is_harmless(value)


def test_the_logging_filter_masks_messages_arguments_and_tracebacks() -> None:
    register_secret("hunter2")
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(RedactingFilter())
    log = logging.Logger("test")
    log.addHandler(handler)
    log.warning("opening %s as %r", "rtsp://u:p@h/x", {"pw": "hunter2"})
    try:
        try:
            raise OSError("cannot open rtsp://u:zzfirst@h/x")
        except OSError as cause:
            raise RuntimeError("hunter2 is wrong") from cause
    except RuntimeError:
        log.exception("failed", stack_info=True)
    log.warning("broken %d", "text")
    shown = out.getvalue()
    assert "opening rtsp://***@h/x" in shown
    assert "Traceback" in shown
    assert "broken" in shown
    for secret in ("hunter2", "u:p", "zzfirst"):
        assert secret not in shown


def test_registering_from_many_threads_loses_nothing() -> None:
    def register(number: int) -> None:
        for i in range(20):
            register_secret(f"secret-{number}-{i}-x")
            assert redact(f"secret-{number}-{i}-x") == "***"

    threads = [threading.Thread(target=register, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        redact(" ".join(f"secret-{n}-{i}-x" for n in range(4) for i in range(20))).replace("*** ", "")
        == "***"
    )
