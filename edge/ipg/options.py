"""What decides how pictures are drawn, and the two presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from edge.config.json_object import read_json_object
from edge.errors import ConfigError
from edge.nets.sizes import ADVICE_KEY, CONFIG_FILE

__all__ = ["ADVISABLE", "PRESETS", "Options", "options_for", "override", "preset"]

UPSTREAM_SEED = 12580
# What a generator's folder may say about how it is best drawn fast: what the pictures show, no machine.
ADVISABLE = ("steps", "guidance", "guidance_from", "guidance_to", "guidance_every", "similarity_min")


@dataclass(frozen=True, slots=True)
class Options:
    """How pictures are drawn; the defaults are those of the preset ``exact``, which is what upstream does.

    steps: how many times the net is asked for each picture.
    scheduler: ``ddim``, or ``dpmpp`` (DPM-Solver++ of second order), which needs fewer steps.
    guidance: how far a prediction is pushed away from the one without an identity; 1 or less: not at all.
    guidance_from, guidance_to: between which noise levels, 0 to 1 (nothing but noise), it is pushed.
    guidance_every: the prediction without an identity is made anew at every n-th of those steps; in between,
        the last difference is used again.
    unguided: whose prediction counts where nothing is pushed. ``unconditional`` is what upstream takes for
        a guidance of 1 or less, and shows nobody in particular.
    bank_half: round the reference's features to float16, as upstream does.
    vae_half: round the VAE's weights to float16, as upstream does.
    dtype: of the UNets and the pose guider; ``auto``: bfloat16 or float16 where the device is fast at it.
    channels_last: keep colour channels innermost, which convolutions prefer.
    decode: the size the latents are decoded at. ``half`` decodes their 2x2 means, at a quarter of the
        cost; ``auto`` does so where the ReID net looks at pictures of half the size or less anyway.
    decode_rows: how many pictures are decoded at a time, which bounds the memory.
    memory_bytes: what one batch may take, roughly; 0: half of what is free.
    compile: let torch compile the denoising net, which takes minutes and pays only in long runs.
    seed: of the noise.
    upstream_seeds: draw the noise of one reference after the other from one generator, as upstream does; else
        a picture's noise depends on the names of its reference and its pose alone.
    similarity_min: a picture is kept only if the cosine of its ReID feature to its reference's is at least
        this, and no lower than to other people's; -1: all are kept.
    """

    steps: int = 20
    scheduler: Literal["ddim", "dpmpp"] = "ddim"
    guidance: float = 3.5
    guidance_from: float = 0.0
    guidance_to: float = 1.0
    guidance_every: int = 1
    unguided: Literal["conditional", "unconditional"] = "unconditional"
    bank_half: bool = True
    vae_half: bool = True
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "float32"
    channels_last: bool = True
    decode: Literal["full", "half", "auto"] = "full"
    decode_rows: int = 1
    memory_bytes: int = 0
    compile: bool = False
    seed: int = UPSTREAM_SEED
    upstream_seeds: bool = False
    similarity_min: float = -1.0

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense.

        Raises:
            ConfigError: naming the option.
        """
        for name, right, wanted in (
            ("steps", 1 <= self.steps <= 1000, "within 1 and 1000"),
            ("guidance", 0 <= self.guidance <= 100, "within 0 and 100"),
            ("guidance_from", 0 <= self.guidance_from <= self.guidance_to <= 1, "within 0 and guidance_to"),
            ("guidance_every", self.guidance_every >= 1, "1 or more"),
            ("decode_rows", self.decode_rows >= 1, "1 or more"),
            ("memory_bytes", self.memory_bytes >= 0, "0 or more"),
            ("seed", 0 <= self.seed < 2**63, "0 or more"),
            ("similarity_min", -1 <= self.similarity_min <= 1, "within -1 and 1"),
        ):
            if not right:
                raise ConfigError(f"must be {wanted} (got {getattr(self, name)})", key=name)

    def guided(self, time: int) -> bool:
        """Whether the prediction at a step number, 0 to 999, is pushed."""
        return self.guidance > 1 and self.guidance_from <= (time + 1) / 1000 <= self.guidance_to


PRESETS: dict[str, Options] = {
    "exact": Options(),
    "fast": Options(
        steps=5,
        scheduler="dpmpp",
        guidance_from=0.1,
        guidance_to=0.7,
        guidance_every=3,
        unguided="conditional",
        bank_half=False,
        vae_half=False,
        dtype="auto",
        decode="auto",
        similarity_min=0.3,
    ),
}


def preset(name: str) -> Options:
    """Look up a preset.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in PRESETS:
        raise ConfigError(f"must be one of {', '.join(PRESETS)} (got '{name}')", key="--preset")
    return PRESETS[name]


def options_for(name: str, folder: Path, given: Mapping[str, Any]) -> Options:
    """A preset, as it suits a generator and the user.

    The preset ``fast`` is made for the published weights. Another generator's folder may advise otherwise:
    an object ``fast`` in its ``ipg.json``, of any of :data:`ADVISABLE`. ``exact`` is always upstream's.

    Args:
        name: of the preset.
        folder: of the generator's weights.
        given: fields of :class:`Options` that the user decides, which come before any advice; None: not said.

    Raises:
        ConfigError: there is no such preset, or a number makes no sense.
    """
    chosen = preset(name)
    if name == "fast":
        chosen = _advised(chosen, folder / CONFIG_FILE)
    return override(chosen, given)


def override(options: Options, given: Mapping[str, Any]) -> Options:
    """The same, with the fields that are given; None: not said.

    Raises:
        ConfigError: a number makes no sense.
    """
    return replace(options, **{key: value for key, value in given.items() if value is not None})


def _advised(options: Options, file: Path) -> Options:
    """The same, with what a file advises.

    Raises:
        ConfigError: an unknown key, or a value of the wrong kind.
    """
    advice = read_json_object(file).get(ADVICE_KEY, {}) if file.is_file() else {}
    if not isinstance(advice, dict):
        raise ConfigError("must be an object", file=str(file), key=ADVICE_KEY)
    for key, value in advice.items():
        place = f"{ADVICE_KEY}.{key}"
        if key not in ADVISABLE:
            raise ConfigError(f"unknown; known here: {', '.join(ADVISABLE)}", file=str(file), key=place)
        whole = isinstance(getattr(options, key), int)
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            wanted = "a whole number" if whole else "a number"
            raise ConfigError(f"must be {wanted} (got {value!r})", file=str(file), key=place)
    try:
        return replace(options, **advice)
    except ConfigError as error:
        raise ConfigError(error.message, file=str(file), key=f"{ADVICE_KEY}.{error.key}") from None
