from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
from ground_plane import map_view

from edge.stages.sink.floor_plan import draw_floor_plan
from edge.stages.sink.footpaths import Ground
from edge.stages.sink.palette import hex_colour, identity_rgb

WAY = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 3.0]])
TRUE_WAY = np.column_stack([[0.0, 1.0, 2.0], WAY])
GROUND = Ground({"door": map_view()})
KNOWN = Ground({"a <door>": map_view()}, {1: TRUE_WAY, 2: TRUE_WAY + np.array([0, 1, 1])})


def drawing(text: str) -> ET.Element:
    """The section as XML, which it is."""
    return ET.fromstring(f"<body>{text}</body>")


def points_of(line: ET.Element) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", line.attrib["points"])]


def test_a_path_has_its_identitys_colour_and_its_shape() -> None:
    found = drawing(draw_floor_plan(GROUND, {5: [WAY]}, {}))
    (path,) = (line for line in found.iter("polyline"))
    assert path.attrib["stroke"] == hex_colour(identity_rgb(5))
    (x0, y0), (x1, y1), (x2, y2) = points_of(path)
    assert y0 == y1
    assert y2 < y1, "north is up"
    assert abs((x1 - x0) - (x2 - x1)) < 0.2
    assert abs((y1 - y2) - (x2 - x1)) < 0.2, "a metre is as long in both directions"


def test_everything_drawn_lies_in_the_picture() -> None:
    found = drawing(draw_floor_plan(KNOWN, {1: [WAY]}, {1: 1}))
    for picture in found.iter("svg"):
        width, height = map(float, picture.attrib["viewBox"].split()[2:])
        for line in picture.iter("polyline"):
            assert all(0 <= x <= width and 0 <= y <= height for x, y in points_of(line))


def test_the_truth_stands_beside_the_result_in_the_colours_of_the_identities() -> None:
    found = drawing(draw_floor_plan(KNOWN, {9: [WAY]}, {1: 9}))
    panels = [one.text for one in found.iter("h3")]
    assert panels == ["Truth", "Result"]
    titles = {one.text for one in found.iter("title")}
    assert titles == {"person 1: id 9", "person 2: no identity", "id 9"}
    truth = next(one for one in found.iter("svg") if one.attrib.get("class") == "plan")
    strokes = [line.attrib["stroke"] for line in truth.iter("polyline")]
    assert strokes[0] == hex_colour(identity_rgb(9))
    assert strokes[1] != strokes[0]


def test_each_person_has_a_picture_of_the_true_way_under_the_found_one() -> None:
    found = drawing(draw_floor_plan(KNOWN, {9: [WAY, WAY]}, {1: 9}))
    cards = [one for one in found.iter("a") if one.attrib["class"] == "small"]
    assert [card.attrib.get("href") for card in cards] == ["#id-9", None]
    assert [[line.attrib["class"] for line in card.iter("polyline")] for card in cards] == [
        ["way", "path", "path"],
        ["way"],
    ]


def test_a_cameras_name_is_escaped_and_a_camera_without_position_is_not_drawn() -> None:
    text = draw_floor_plan(KNOWN, {1: [WAY]}, {})
    assert "a &lt;door&gt;" in text
    nowhere = draw_floor_plan(Ground({"door": map_view(placed=False)}), {1: [WAY]}, {})
    assert '<text class="camera"' not in nowhere


def test_without_paths_there_is_no_plan() -> None:
    assert draw_floor_plan(GROUND, {}, {}) == ""
