from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.errors import ConfigError
from edge.evaluate.market import parse_name, read_generated, read_market


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    touch(tmp_path / "query", "0002_c1s1_000451_03.jpg", "0001_c1s1_001051_00.jpg")
    touch(
        tmp_path / "bounding_box_test",
        "-1_c2s1_000401_03.jpg",
        "0000_c3s3_000776_02.jpg",
        "0002_c2s2_000776_02.jpg",
    )
    return tmp_path


def test_a_name_says_who_where_and_when() -> None:
    path = Path("0002_c1s4_000451_03.jpg")
    picture = parse_name(path)
    assert picture is not None
    facts = (picture.person, picture.camera, picture.sequence, picture.frame, picture.box)
    assert facts == (2, 1, 4, 451, 3)
    assert (picture.path, picture.name) == (path, "0002_c1s4_000451_03")


@pytest.mark.parametrize(
    "name",
    [
        "0002_c1s1_000451.jpg",
        "0002_c1_000451_03.jpg",
        "-2_c1s1_000451_03.jpg",
        "0002_c1s1_000451_03_4.jpg",
        "x0002_c1s1_000451_03.jpg",
        "٠٠٠٢_c1s1_000451_03.jpg",
        "99999999999999999999_c1s1_000451_03.jpg",
        ".jpg",
    ],
)
def test_a_name_of_another_form_is_not_guessed_at(name: str) -> None:
    assert parse_name(Path(name)) is None


def test_junk_is_left_out_and_distractors_stay_in_the_gallery(data: Path) -> None:
    market = read_market(data)
    assert [picture.name for picture in market.query] == ["0001_c1s1_001051_00", "0002_c1s1_000451_03"]
    assert [picture.person for picture in market.gallery] == [0, 2]
    assert (market.junk, market.skips) == (1, ())


def test_what_cannot_be_used_is_listed_with_its_reason(data: Path) -> None:
    touch(data / "query", "photo.jpg", "0000_c1s1_000001_01.jpg", "0002_c1s1_000451_03.png", "readme.txt")
    reasons = {skip.path.name: skip.reason for skip in read_market(data).skips}
    assert reasons == {
        "photo.jpg": "is not named like 0002_c1s1_000451_03.jpg",
        "0000_c1s1_000001_01.jpg": "a distractor cannot be a query",
        "0002_c1s1_000451_03.png": "is there twice, also as 0002_c1s1_000451_03.jpg",
        "readme.txt": "is no picture (.txt); taken are .bmp, .jpeg, .jpg, .png",
    }


def test_what_systems_leave_behind_is_no_skip(data: Path) -> None:
    touch(data / "bounding_box_test", "Thumbs.db", ".DS_Store", "._0002_c2s2_000776_02.jpg")
    (data / "bounding_box_test" / "folder").mkdir()
    assert read_market(data).skips == ()


def test_a_name_that_is_no_text_is_a_skip(data: Path) -> None:
    (data / "query" / os.fsdecode(b"\xff\xfe.jpg")).touch()
    assert len(read_market(data).skips) == 1


def test_a_missing_folder_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is not a folder; give the one that holds query/"):
        read_market(tmp_path / "nowhere")
    with pytest.raises(
        ConfigError, match=r"no folder query/ and no folder bounding_box_test/; the layout is"
    ):
        read_market(tmp_path)


def test_the_folder_above_is_an_error_that_names_the_right_one(data: Path, tmp_path: Path) -> None:
    above = tmp_path / "above"
    above.mkdir()
    for name in ("query", "bounding_box_test"):
        target = above / "Market-1501-v15.09.15" / name
        target.parent.mkdir(exist_ok=True)
        (data / name).rename(target)
    with pytest.raises(ConfigError, match=r"did you mean .*/above/Market-1501-v15\.09\.15\?"):
        read_market(above)


@pytest.mark.parametrize("place", ["query", "bounding_box_test"])
def test_an_empty_folder_is_an_error_that_names_it(data: Path, place: str) -> None:
    for path in (data / place).iterdir():
        path.unlink()
    with pytest.raises(ConfigError, match=rf"{place}: holds no picture of anybody; pictures are named like"):
        read_market(data)
    touch(data / place, "IMG_1.jpg")
    with pytest.raises(ConfigError, match=r"1 files were skipped, the first IMG_1\.jpg \(is not named"):
        read_market(data)


@pytest.mark.parametrize(
    "naming", ["{stem}_{pose}.jpg", "{stem}/{pose}.png", "pose{pose}/{stem}.jpg", "{stem}/{stem}_{pose}.jpg"]
)
def test_generated_pictures_are_found_by_any_of_the_namings(data: Path, tmp_path: Path, naming: str) -> None:
    folder = tmp_path / "query_gen"
    stem = "0002_c1s1_000451_03"
    touch(folder, *(naming.format(stem=stem, pose=pose) for pose in (2, 1)))
    found, skips = read_generated(folder, read_market(data).query)
    names = sorted(naming.format(stem=stem, pose=pose) for pose in (1, 2))
    assert found == {stem: tuple(folder / name for name in names)}
    assert skips == []


def test_generated_pictures_of_strangers_are_listed_and_those_of_junk_are_not(
    data: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "bounding_box_test_gen"
    touch(
        folder,
        "0003_c2s2_000776_02_1.jpg",
        "-1_c2s1_000401_03_1.jpg",
        "0002_c2s2_000776_02-1.jpg",
        "notes.txt",
        "some/picture.jpg",
    )
    found, skips = read_generated(folder, read_market(data).gallery)
    assert found == {}
    assert {skip.path.name: skip.reason.split(";")[0] for skip in skips} == {
        "0003_c2s2_000776_02_1.jpg": "its reference 0003_c2s2_000776_02 is not among the pictures",
        "0002_c2s2_000776_02-1.jpg": "is not named after a reference",
        "notes.txt": "is no picture (.txt)",
        "picture.jpg": "is not named after a reference",
    }


def test_no_folder_of_generated_pictures_holds_nothing(data: Path) -> None:
    assert read_generated(data / "query_gen", read_market(data).query) == ({}, [])
