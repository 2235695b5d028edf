"""The presets: all are possible, whatever the seed, and are what they say."""

from __future__ import annotations

import pytest

from edge.errors import ConfigError
from edge.site.presets import PRESETS, build_site


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("seed", [0, 1, 7])
def test_every_preset_is_possible(preset: str, seed: int) -> None:
    site = build_site(preset, seed=seed)
    assert site.name == preset
    assert len(set(site.looks)) == len(site.looks)


def test_the_demo_has_four_cameras_twelve_people_and_a_minute() -> None:
    site = build_site("demo")
    assert [one.name for one in site.cameras] == ["entrance", "hall", "till", "yard"]
    assert (len(site.looks), site.duration_s, site.rate_hz) == (12, 60.0, 10.0)
    assert {one.camera.size_px for one in site.cameras} == {(640, 360)}
    assert len({one.sensor for one in site.cameras}) == 4


def test_night_is_infrared_and_day_is_not() -> None:
    assert all(one.sensor.infrared for one in build_site("night").cameras)
    assert not any(one.sensor.infrared for one in build_site("demo").cameras)


def test_crowd_is_more_people_and_large_is_many_cameras_without_pixels() -> None:
    assert len(build_site("crowd").looks) >= 30
    large = build_site("large")
    assert (len(large.cameras), large.pixels) == (32, False)


def test_another_seed_is_other_people_in_the_same_place() -> None:
    one, other = build_site("demo", seed=1), build_site("demo", seed=2)
    assert set(one.looks).isdisjoint(other.looks)
    assert one.place == other.place


def test_an_unknown_preset_lists_the_presets() -> None:
    with pytest.raises(ConfigError) as error:
        build_site("moon")
    assert "no preset is called 'moon'; there are: demo, twins, night, crowd, handover, large" in str(
        error.value
    )


def test_a_negative_seed_and_an_empty_duration_are_refused() -> None:
    with pytest.raises(ConfigError, match="--seed"):
        build_site("demo", seed=-1)
    with pytest.raises(ConfigError, match="not one frame"):
        build_site("demo", duration_s=0.0)
