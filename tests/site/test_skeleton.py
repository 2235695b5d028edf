"""Bodies: lengths stay, feet stay on the floor, and people walk rather than slide."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge.site.people import person_look
from edge.site.skeleton import JOINTS, KEYPOINT_NAMES, articulate, place_joints
from edge.site.stance import Stance, blend, random_stance, stand, stride_m, walk

LOOK = person_look(3)
BONES = [
    (f"{side}_{one}", f"{side}_{other}")
    for side in ("left", "right")
    for one, other in (
        ("hip", "knee"),
        ("knee", "ankle"),
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
        ("heel", "toe"),
    )
]
J = {name: number for number, name in enumerate(JOINTS)}


def stances() -> list[Stance]:
    rng = np.random.default_rng(0)
    return [random_stance(LOOK, rng) for _ in range(200)]


def test_the_keypoints_are_those_of_openpose_in_its_order() -> None:
    assert JOINTS[:18] == KEYPOINT_NAMES
    assert KEYPOINT_NAMES[:5] == ("nose", "neck", "right_shoulder", "right_elbow", "right_wrist")
    assert KEYPOINT_NAMES[14:] == ("right_eye", "left_eye", "right_ear", "left_ear")


@pytest.mark.parametrize(("one", "other"), BONES[:4] + BONES[5:9])
def test_a_limb_has_one_length_in_every_walking_pose(one: str, other: str) -> None:
    lengths = [
        np.linalg.norm(joints[J[one]] - joints[J[other]])
        for joints in (articulate(LOOK, walk(LOOK, phase, 1.3)) for phase in np.linspace(0, 2 * math.pi, 30))
    ]
    assert max(lengths) - min(lengths) < 0.01


def test_the_lower_foot_is_on_the_floor_and_nothing_below_it() -> None:
    for stance in stances():
        joints = articulate(LOOK, stance)
        assert -0.001 <= joints[:, 2].min() < 0.06


def test_a_standing_body_is_as_tall_as_it_should_be() -> None:
    for seed in range(30):
        look = person_look(seed)
        joints = articulate(look, Stance())
        assert joints[J["crown"], 2] == pytest.approx(look.height_m, rel=0.03)
        assert joints[J["right_hip"], 2] / look.height_m == pytest.approx(0.53, abs=0.03)


def test_legs_alternate_while_walking() -> None:
    now, half_a_stride_later = (articulate(LOOK, walk(LOOK, phase, 1.3)) for phase in (0.0, math.pi))
    assert now[J["right_ankle"], 0] > now[J["left_ankle"], 0] + 0.3
    assert half_a_stride_later[J["left_ankle"], 0] > half_a_stride_later[J["right_ankle"], 0] + 0.3


def test_an_arm_swings_against_the_leg_of_its_side() -> None:
    swinging = next(person_look(seed) for seed in range(50) if person_look(seed).arms == "swing")
    joints = articulate(swinging, walk(swinging, 0.0, 1.4))
    assert joints[J["right_ankle"], 0] > joints[J["left_ankle"], 0]
    assert joints[J["right_wrist"], 0] < joints[J["left_wrist"], 0]


def test_the_nose_points_ahead_and_left_is_left() -> None:
    joints = articulate(LOOK, Stance())
    assert joints[J["nose"], 0] > joints[J["left_ear"], 0]
    assert joints[J["left_shoulder"], 1] > joints[J["right_shoulder"], 1]


def test_steps_grow_with_speed() -> None:
    assert 0.9 < stride_m(LOOK, 0.8) < stride_m(LOOK, 1.3) < stride_m(LOOK, 1.8) < 2.2


def test_placing_turns_and_moves_without_changing_the_body() -> None:
    joints = articulate(LOOK, stand(LOOK))
    placed = place_joints(joints, (5.0, -2.0), math.pi / 2)
    ahead = placed[J["nose"]] - placed[J["neck"]]
    assert ahead[1] > 0.05
    assert abs(ahead[0]) < 0.05
    np.testing.assert_allclose(placed[:, 2], joints[:, 2])
    before, after = (np.linalg.norm(p[:, None] - p[None], axis=-1) for p in (joints, placed))
    np.testing.assert_allclose(before, after, atol=1e-12)


def test_a_blend_begins_and_ends_at_its_stances() -> None:
    one, other = stand(LOOK), walk(LOOK, 1.0, 1.2)
    assert blend(one, other, 0.0) == one
    assert blend(one, other, 1.0).hip == pytest.approx(other.hip)
    middle = blend(one, other, 0.5)
    assert middle.knee[0] == pytest.approx((one.knee[0] + other.knee[0]) / 2)
