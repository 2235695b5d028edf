from __future__ import annotations

from pathlib import Path

import pytest
from oracle import manifest, shapes_of

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("diffusers", reason="diffusers is not installed")

from edge.nets.sizes import SD15_UNET  # noqa: E402
from edge.nets.unets import build_denoising_unet, build_reference_unet  # noqa: E402
from edge.nets.vae import build_vae  # noqa: E402


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (build_denoising_unet, "unet_denoising_manifest.json.gz"),
        (build_reference_unet, "unet_reference_manifest.json.gz"),
        (build_vae, "vae_manifest.json.gz"),
    ],
)
def test_a_net_of_full_size_has_exactly_the_keys_of_the_oracle(
    build: object, name: str, shared: Path
) -> None:
    with torch.device("meta"):
        net = build()  # type: ignore[operator]
    own = {key: tuple(tensor.shape) for key, tensor in net.state_dict().items()}
    assert own == shapes_of(manifest(shared, name))


def test_diffusers_notes_in_a_config_are_passed_over() -> None:
    config = {**SD15_UNET, "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.6.0"}
    with torch.device("meta"):
        assert len(build_denoising_unet(config).state_dict()) == 686
