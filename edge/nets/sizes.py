"""Sizes of the generator's networks: those of the published weights, or what a folder of weights says.

A folder of weights may hold ``ipg.json``, an object with any of the keys of :class:`IpgSizes`; what it does
not say is looked up in diffusers' own ``config.json`` files, and is the published size otherwise. Its
object ``fast`` is not about sizes, see :func:`edge.ipg.options.options_for`. This
module knows neither torch nor diffusers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from edge.config.json_object import read_json_object
from edge.errors import ConfigError

__all__ = ["SD15_UNET", "SD_VAE", "UNET_FOLDERS", "VAE_FOLDERS", "IpgSizes", "TransReIDSizes", "read_sizes"]

# Stable Diffusion 1.5, as in its unet/config.json. attention_head_dim is the number of heads there.
SD15_UNET: dict[str, Any] = {
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "center_input_sample": False,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    "block_out_channels": [320, 640, 1280, 1280],
    "layers_per_block": 2,
    "downsample_padding": 1,
    "mid_block_scale_factor": 1,
    "act_fn": "silu",
    "norm_num_groups": 32,
    "norm_eps": 1e-05,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}

# sd-vae-ft-mse, as in its config.json.
SD_VAE: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "block_out_channels": [128, 256, 512, 512],
    "layers_per_block": 2,
    "act_fn": "silu",
    "latent_channels": 4,
    "norm_num_groups": 32,
    "sample_size": 256,
}

# Where the two of them lie in a folder of weights; the first that exists counts.
UNET_FOLDERS = ("unet", "stable-diffusion-v1-5/unet", "sd-image-variations-diffusers/unet")
VAE_FOLDERS = ("vae", "sd-vae-ft-mse", "stable-diffusion-v1-5/vae")

CONFIG_FILE = "ipg.json"
ADVICE_KEY = "fast"  # no size: how the generator is best drawn; see edge.ipg.options


@dataclass(frozen=True, slots=True)
class TransReIDSizes:
    """Everything that decides the shapes of a :class:`~edge.nets.transreid.TransReID`.

    picture_px: height and width of the input.
    patch_px, stride_px: side of a patch, and the distance from one to the next.
    width, depth, heads: of the transformer; both branches have one block more.
    parts: how many local features.
    shift, groups: how far the patches are rolled, and into how many groups they are dealt, before they
        are cut into parts.
    people: classes of the classifiers, which only training uses.
    pretraining_classes: of the backbone's own classifier, which nothing uses.
    """

    picture_px: tuple[int, int] = (256, 128)
    patch_px: int = 16
    stride_px: int = 12
    width: int = 768
    depth: int = 12
    heads: int = 12
    parts: int = 4
    shift: int = 5
    groups: int = 2
    people: int = 751
    pretraining_classes: int = 1000

    @property
    def patches(self) -> int:
        """How many patches a picture has."""
        high, wide = ((side - self.patch_px) // self.stride_px + 1 for side in self.picture_px)
        return high * wide

    @property
    def dim(self) -> int:
        """Length of the feature: the global one and the local ones behind one another."""
        return self.width * (1 + self.parts)


@dataclass(frozen=True, slots=True)
class IpgSizes:
    """Sizes of all networks of a generator.

    picture_px: height and width of the drawn pictures; multiples of what the VAE and the UNets halve.
    tokens: how many tokens a ReID feature becomes.
    pose_widths: channels of the pose guider's layers.
    reid: the ReID network's sizes.
    unet, vae: keyword arguments of diffusers' ``UNet2DConditionModel`` and ``AutoencoderKL``.
    """

    picture_px: tuple[int, int] = (512, 256)
    tokens: int = 20
    pose_widths: tuple[int, ...] = (16, 32, 64, 128)
    reid: TransReIDSizes = field(default_factory=TransReIDSizes)
    unet: Mapping[str, Any] = field(default_factory=lambda: dict(SD15_UNET))
    vae: Mapping[str, Any] = field(default_factory=lambda: dict(SD_VAE))

    @property
    def is_published(self) -> bool:
        """Whether these are the sizes of the published weights (whatever the picture's)."""
        return replace(self, picture_px=(512, 256)) == IpgSizes()

    @property
    def latent_px(self) -> tuple[int, int]:
        """Height and width of the latents."""
        shrink = 2 ** (len(self.vae["block_out_channels"]) - 1)
        return self.picture_px[0] // shrink, self.picture_px[1] // shrink


def read_sizes(folder: Path) -> IpgSizes:
    """Look up the sizes of the networks whose weights lie in a folder.

    Raises:
        ConfigError: a file of sizes is no JSON object, or has an unknown key or a value of the wrong kind.
    """
    file = folder / CONFIG_FILE
    given = read_json_object(file) if file.is_file() else {}
    given.pop(ADVICE_KEY, None)
    known = {one.name for one in fields(IpgSizes)}
    _require_known(given, known, file)
    for key, places, defaults in (("unet", UNET_FOLDERS, SD15_UNET), ("vae", VAE_FOLDERS, SD_VAE)):
        own = next(
            (
                folder / place / "config.json"
                for place in places
                if (folder / place / "config.json").is_file()
            ),
            None,
        )
        if key not in given and own is not None:
            config = read_json_object(own)
            told = {name: value for name, value in config.items() if not name.startswith("_")}
            given[key] = {**defaults, **{name: told[name] for name in defaults if name in told}}
        elif key in given:
            if not isinstance(given[key], dict):
                raise ConfigError("must be an object", file=str(file), key=key)
            _require_known(given[key], set(defaults), file, key)
            given[key] = {**defaults, **given[key]}
    try:
        reid = _reid_sizes(given.pop("reid", {}), file)
        for key in ("picture_px", "pose_widths"):
            if key in given:
                given[key] = tuple(int(number) for number in given[key])
        sizes = IpgSizes(reid=reid, **given)
        _require_sense(sizes, file)
    except (TypeError, ValueError, KeyError) as error:
        raise ConfigError(f"has a value of the wrong kind ({error})", file=str(file)) from None
    return sizes


def _reid_sizes(given: object, file: Path) -> TransReIDSizes:
    if not isinstance(given, dict):
        raise ConfigError("must be an object", file=str(file), key="reid")
    _require_known(given, {one.name for one in fields(TransReIDSizes)}, file, "reid")
    numbers = dict(given)
    if "picture_px" in numbers:
        high, wide = numbers["picture_px"]
        numbers["picture_px"] = (int(high), int(wide))
    for key, value in numbers.items():
        if key != "picture_px" and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ConfigError(f"must be a whole number of 1 or more (got {value!r})", file=str(file), key=key)
    return TransReIDSizes(**numbers)


def _require_sense(sizes: IpgSizes, file: Path) -> None:
    """Pictures must halve as often as the networks do."""
    halvings = 2 ** (len(sizes.vae["block_out_channels"]) + len(sizes.unet["block_out_channels"]) - 2)
    count = len(list(sizes.picture_px))
    if count != 2 or any(side < halvings or side % halvings for side in sizes.picture_px):
        raise ConfigError(
            f"must be height and width, multiples of {halvings} (got {list(sizes.picture_px)})",
            file=str(file),
            key="picture_px",
        )
    blocks = len(sizes.vae["block_out_channels"])
    if len(sizes.pose_widths) != blocks:  # each but the last one halves
        raise ConfigError(
            f"must have as many numbers as the VAE's block_out_channels, {blocks}",
            file=str(file),
            key="pose_widths",
        )
    if sizes.unet["in_channels"] != sizes.vae["latent_channels"]:
        raise ConfigError(
            f"in_channels must be the VAE's latent_channels, {sizes.vae['latent_channels']} "
            f"(got {sizes.unet['in_channels']})",
            file=str(file),
            key="unet",
        )


def _require_known(given: Mapping[str, object], known: set[str], file: Path, key: str = "") -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise ConfigError(
            f"unknown key '{unknown[0]}'; known here: {', '.join(sorted(known))}", file=str(file), key=key
        )
