from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("diffusers", reason="diffusers is not installed")

from small_ipg import SIZES  # noqa: E402

from edge.errors import ConfigError  # noqa: E402
from edge.nets.exact_codec import make_exact, standardize_latents  # noqa: E402
from edge.nets.sizes import SD_VAE  # noqa: E402
from edge.nets.vae import build_vae, decode, encode  # noqa: E402


@pytest.fixture(autouse=True)
def few_threads() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


SMALL = {
    **SD_VAE,
    "block_out_channels": [8],
    "down_block_types": ["DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D"],
    "layers_per_block": 1,
    "latent_channels": 3,
    "norm_num_groups": 1,
}


def test_an_exact_codec_gives_pictures_back() -> None:
    vae = build_vae(SMALL).eval()
    pictures = torch.rand(4, 3, 16, 8) * 2 - 1
    with torch.no_grad():
        assert (decode(vae, encode(vae, pictures)) - (pictures + 1) / 2).abs().max() > 0.05
        make_exact(vae)
        latents = encode(vae, pictures)
        back = decode(vae, latents)
    assert latents.shape == (4, 3, 16, 8)
    assert (back - (pictures + 1) / 2).abs().max() < 5e-4  # an eighth of a level of 255
    half = build_vae(SMALL)
    half.load_state_dict({key: tensor.half().float() for key, tensor in vae.state_dict().items()})
    with torch.no_grad():
        assert (decode(half, encode(half, pictures)) - (pictures + 1) / 2).abs().max() < 1e-3


def test_a_codec_of_other_sizes_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"an exact autoencoder has block_out_channels \[8\], 3 latent_channels"
    ):
        make_exact(build_vae({**SMALL, "latent_channels": 4}))


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
