from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("diffusers", reason="diffusers is not installed")

from small_ipg import SIZES  # noqa: E402

from edge.nets.codec_loss import codec_loss, standardize_latents  # noqa: E402
from edge.nets.sizes import SD_VAE  # noqa: E402
from edge.nets.steering_loss import SteeringHead, steering_loss  # noqa: E402
from edge.nets.vae import build_vae, decode, encode  # noqa: E402


@pytest.fixture(autouse=True)
def few_threads() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def test_a_better_codec_has_less_loss() -> None:
    vae = build_vae({**SD_VAE, **SIZES["vae"]})
    pictures = torch.rand(2, 3, 32, 16) * 2 - 1
    optimizer = torch.optim.Adam(vae.parameters(), 1e-3)
    losses = []
    for _ in range(12):
        loss = codec_loss(vae, pictures)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]


def test_standardized_latents_have_unit_deviation_and_decode_to_the_same() -> None:
    vae = build_vae({**SD_VAE, **SIZES["vae"]}).eval()
    pictures = torch.rand(6, 3, 32, 16) * 2 - 1
    with torch.no_grad():
        before = decode(vae, encode(vae, pictures))
        spread = vae.encode(pictures).latent_dist.std
        standardize_latents(vae, pictures.split(4))
        latents = encode(vae, pictures)
        after = decode(vae, latents)
        new_spread = vae.encode(pictures).latent_dist.std
    assert latents.mean(dim=(0, 2, 3)).abs().max() < 1e-4
    torch.testing.assert_close(latents.std(dim=(0, 2, 3)), torch.ones(4), atol=1e-3, rtol=0)
    torch.testing.assert_close(after, before, atol=1e-4, rtol=0)
    # What is drawn around the mean grows with it.
    ratio = (new_spread / spread).flatten(2)
    torch.testing.assert_close(
        ratio, ratio.mean(dim=(0, 2), keepdim=True).expand_as(ratio), atol=0, rtol=1e-3
    )


def test_features_that_are_alike_as_the_known_ones_cost_nothing() -> None:
    known = torch.nn.functional.normalize(torch.randn(6, 4), dim=1)
    head = SteeringHead(4, 4)
    with torch.no_grad():
        head.project.weight.copy_(torch.eye(4))
        head.project.bias.zero_()
        right = float(steering_loss(3 * known, known, head))
        wrong = float(steering_loss(known[[1, 0, 2, 3, 4, 5]], known, head))
    assert right == pytest.approx(0, abs=1e-5)
    assert wrong > 0.1
