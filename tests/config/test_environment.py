from __future__ import annotations

import pytest

from edge.config.environment import expand
from edge.config.secrets import redact


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain $HOME text", "plain $HOME text"),
        ("${A}", "one"),
        ("${A}${B}-${A}", "onetwo-one"),
        ("${ A }", "one"),
        ("${C:-three}", "three"),
        ("${A:-three}", "one"),
        ("${E:-three}", "three"),
        ("${E}", ""),
        ("${C:-}", ""),
        ("$${A}", "${A}"),
        ("$$${A}", "$$" + "{A}"),
    ],
)
def test_references_are_replaced(text: str, expanded: str) -> None:
    result = expand(text, {"A": "one", "B": "two", "E": ""})
    assert result.text == expanded
    assert result.problems == []


@pytest.mark.parametrize("text", ["${}", "${1X}", "${a-b}", "${OPEN", "x ${ y"])
def test_what_begins_like_a_reference_and_is_none_is_a_problem(text: str) -> None:
    result = expand(text, {})
    assert len(result.problems) == 1
    assert result.text == text


def test_an_unset_variable_is_named() -> None:
    assert "'CAM_PW' is not set" in expand("x${CAM_PW}", {}).problems[0]


def test_values_are_not_expanded_again() -> None:
    assert expand("${A}", {"A": "${B}", "B": "x"}).text == "${B}"


def test_a_password_is_encoded_where_a_url_needs_it() -> None:
    environ = {"PW": "p@s/s w#", "T": "a&b"}
    assert (
        expand("rtsp://admin:${PW}@h/x?token=${T}", environ).text
        == "rtsp://admin:p%40s%2Fs%20w%23@h/x?token=a%26b"
    )
    assert expand("rtsp://${U}@h/x", {"U": "me:p@w"}).text == "rtsp://me:p%40w@h/x"
    assert expand("${PW}", environ).text == "p@s/s w#"


def test_an_encoded_password_is_not_encoded_twice() -> None:
    assert expand("rtsp://u:${PW}@h/", {"PW": "p%40ss"}).text == "rtsp://u:p%40ss@h/"


def test_hosts_and_paths_stay_as_they_are() -> None:
    environ = {"H": "10.0.0.2:554", "P": "a/b"}
    assert expand("rtsp://u:p@${H}/${P}", environ).text == "rtsp://u:p@10.0.0.2:554/a/b"


def test_values_become_secrets_but_names_and_hosts_do_not() -> None:
    expand("rtsp://u:${PW}@${H}/x", {"PW": "hunter2", "H": "camera-door.lan"})
    expand("${N}", {"N": "entrance"}, shown_anyway=True)
    assert redact("hunter2 camera-door.lan entrance") == "*** camera-door.lan entrance"
