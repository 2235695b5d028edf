from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from edge.ipg.noise import NamedNoise, SequentialNoise  # noqa: E402

SHAPE = (4, 6, 5)


def test_a_pictures_noise_depends_on_seed_and_names_alone() -> None:
    both = NamedNoise(3).draw("anna", ["1", "2"], SHAPE)
    assert both.shape == (2, *SHAPE)
    noise = NamedNoise(3)
    noise.draw("berta", ["7"], SHAPE)
    assert torch.equal(noise.draw("anna", ["2"], SHAPE)[0], both[1])
    for other in (
        NamedNoise(4).draw("anna", ["1"], SHAPE),
        noise.draw("berta", ["1"], SHAPE),
        both[1:],
        noise.draw("ann", ["a\x001"], SHAPE),
    ):
        assert not torch.equal(other[0], both[0])
    assert abs(float(both.mean())) < 0.3
    assert 0.8 < float(both.std()) < 1.2


def test_sequential_noise_goes_on_and_begins_anew_with_its_seed() -> None:
    noise = SequentialNoise(12580)
    first, second = (noise.draw("anna", ["1"], SHAPE) for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(SequentialNoise(12580).draw("berta", ["x"], SHAPE), first)
