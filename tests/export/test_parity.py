from __future__ import annotations

import numpy as np
import pytest

from edge.errors import ExportError
from edge.export.parity import compare


def test_the_largest_error_is_found_in_the_output_that_has_it() -> None:
    wanted = {"a": np.array([1.0, 2.0]), "b": np.array([100.0, -200.0])}
    found = {"a": np.array([1.0, 2.1]), "b": np.array([101.0, -200.0])}
    parity = compare(wanted, found, 0.04)
    assert (parity.worst, round(parity.max_abs, 6), round(parity.max_rel, 6)) == ("a", 0.1, 0.05)
    with pytest.raises(
        ExportError, match=r"net: output 'a' is off by 0\.1, 0\.05 of its range \(allowed 0\.04\)"
    ):
        parity.require("net")


def test_what_is_no_number_is_too_large() -> None:
    parity = compare({"a": np.ones(2)}, {"a": np.array([1.0, np.nan])}, 0.5)
    with pytest.raises(ExportError, match="off by nan"):
        parity.require("net")


@pytest.mark.parametrize(
    ("found", "reason"), [({"b": np.ones(2)}, "no output 'a'"), ({"a": np.ones(3)}, r"shape \[3\]")]
)
def test_another_output_is_an_error(found: dict[str, np.ndarray], reason: str) -> None:
    with pytest.raises(ExportError, match=reason):
        compare({"a": np.ones(2)}, found, 1.0)
