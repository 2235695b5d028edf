from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from edge.errors import ConfigError
from edge.evaluate.feature_file import read_feature_file
from edge.evaluate.market import Picture, parse_name

NAMES = ["0001_c1s1_000001_01.jpg", "0002_c1s1_000002_01.jpg"]


def arrays(**changes: ArrayLike | None) -> dict[str, NDArray[np.generic]]:
    rows = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    content: dict[str, ArrayLike | None] = {
        "query": rows,
        "query_names": NAMES,
        "gallery": -rows,
        "gallery_names": NAMES,
    }
    return {name: np.asarray(value) for name, value in (content | changes).items() if value is not None}


def pictures(*names: str) -> list[Picture]:
    found = [parse_name(Path("query") / name) for name in names]
    return [picture for picture in found if picture is not None]


def test_rows_are_matched_by_name_whatever_their_order(tmp_path: Path) -> None:
    file = tmp_path / "features.npz"
    np.savez(file, **arrays(query_names=[f"some/folder/{NAMES[1]}", NAMES[0][:-4]]))
    vectors, has, skips = read_feature_file(file).look_up("query", pictures(*NAMES))
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[4, 5, 6], [1, 2, 3]]
    assert has.tolist() == [True, True]
    assert skips == []


def test_names_may_be_bytes_and_features_half_floats(tmp_path: Path) -> None:
    file = tmp_path / "features.npz"
    names = np.array([name.encode() for name in NAMES])
    np.savez(file, **arrays(query_names=names, query=np.ones((2, 3), np.float16)))
    assert read_feature_file(file).look_up("query", pictures(*NAMES))[1].all()


def test_what_has_no_counterpart_is_listed_but_for_junk(tmp_path: Path) -> None:
    file = tmp_path / "features.npz"
    names = [NAMES[0], "0009_c1s1_000009_01.jpg", "-1_c1s1_000009_02.jpg"]
    np.savez(file, **arrays(query=np.ones((3, 3)), query_names=names))
    vectors, has, skips = read_feature_file(file).look_up("query", pictures(*NAMES))
    assert has.tolist() == [True, False]
    assert not vectors[1].any()
    assert [(skip.path.name, skip.reason.split(" in ")[0]) for skip in skips] == [
        (NAMES[1], "has no row"),
        ("0009_c1s1_000009_01", "is a row without a picture"),
    ]


def test_a_file_about_other_pictures_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "features.npz"
    np.savez(file, **arrays())
    with pytest.raises(ConfigError, match=r"no row for any picture in query/ \(its first name is '0001_c1"):
        read_feature_file(file).look_up("query", pictures("0009_c1s1_000009_01.jpg"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"query_names": None}, r"lacks query_names \(it holds query, gallery, gallery_names\)"),
        (
            {"query": np.ones(3)},
            r"query: must be floats of shape \(pictures, length\), not empty \(got float",
        ),
        ({"query": np.ones((2, 3), int)}, "query: must be floats"),
        ({"gallery": np.ones((0, 3)), "gallery_names": np.zeros(0, "U1")}, "gallery: must be floats"),
        ({"query_names": NAMES[:1]}, r"query_names: must be text of shape \(2,\)"),
        ({"query_names": [1, 2]}, "query_names: must be text"),
        ({"query_names": np.array(NAMES, object)}, "query_names: holds Python objects; save names with"),
        ({"query_names": [NAMES[0], NAMES[0]]}, r"query_names: '0001_c1s1_000001_01' is there twice \(row 1"),
        ({"query": [[1.0, 2, 3], [4, np.nan, 6]]}, r"query: row 1 \('0002_c1s1_.*'\) is not finite"),
        ({"query": [[1.0, 2, 3], [4, 1e300, 6]]}, "row 1 .* is not finite"),
        ({"gallery": [[0.0, 0, 0], [4, 5, 6]]}, r"gallery: row 0 \('0001_c1s1_.*'\) is all zero"),
        ({"gallery": np.ones((2, 4))}, "query has features of length 3, gallery of length 4"),
    ],
)
def test_an_array_that_is_wrong_is_named_with_its_row(
    tmp_path: Path, changes: dict[str, ArrayLike | None], message: str
) -> None:
    file = tmp_path / "features.npz"
    np.savez(file, **arrays(**changes))
    with pytest.raises(ConfigError, match=message) as raised:
        read_feature_file(file)
    assert str(raised.value).startswith(str(file))


def test_what_is_no_archive_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_feature_file(tmp_path / "nowhere.npz")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_feature_file(tmp_path)
    file = tmp_path / "features.npz"
    for content in (b"", b"not an archive", b"PK\x03\x04 cut off"):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match="is no whole NumPy"):
            read_feature_file(file)
    np.savez(file, **arrays())
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(ConfigError, match="is no whole NumPy"):
        read_feature_file(file)
    single = tmp_path / "single.npy"
    np.save(single, np.ones((2, 3)))
    with pytest.raises(ConfigError, match="holds one array"):
        read_feature_file(single)
