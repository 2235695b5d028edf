"""What decides how a generator is trained."""

from __future__ import annotations

from dataclasses import dataclass, fields

from edge.errors import ConfigError

__all__ = ["STAGE_RATES", "TrainingOptions"]

STAGE_RATES = {1: 1e-4, 2: 2e-5}  # highest learning rates, for nets of the published size


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How a generator is trained.

    stage: 1: IFR, the pose guider and both UNets learn. 2: the pose guider and the denoising UNet go on,
        while what is known of the reference (IFR, the reference UNet) stays.
    references: how many people are shown in one batch.
    targets: in how many pictures each of them shall be drawn in that batch.
    dropout: share of the pictures that are drawn without being shown anybody, for guidance.
    gamma: of the min-SNR weights; 0: all levels count alike.
    noise_offset: deviation of a further noise that is the same all over a channel.
    average: how slowly the averaged weights follow, 0 to 1.
    rate: highest learning rate.
    decay: weight decay of AdamW.
    warm_steps: steps of the rise at the beginning.
    seed: of what is shown, in which order, and of all noise.
    """

    stage: int = 1
    references: int = 8
    targets: int = 1
    dropout: float = 0.1
    gamma: float = 5.0
    noise_offset: float = 0.05
    average: float = 0.9995
    rate: float = STAGE_RATES[1]
    decay: float = 0.01
    warm_steps: int = 200
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense.

        Raises:
            ConfigError: naming the option.
        """
        for name, right, wanted in (
            ("stage", self.stage in STAGE_RATES, "1 or 2"),
            ("references", self.references >= 1, "1 or more"),
            ("targets", self.targets >= 1, "1 or more"),
            ("dropout", 0 <= self.dropout < 1, "0 or more and less than 1"),
            ("gamma", self.gamma >= 0, "0 or more"),
            ("noise_offset", 0 <= self.noise_offset <= 1, "within 0 and 1"),
            ("average", 0 <= self.average < 1, "0 or more and less than 1"),
            ("rate", 0 < self.rate <= 1, "more than 0 and at most 1"),
            ("decay", 0 <= self.decay <= 1, "within 0 and 1"),
            ("warm_steps", self.warm_steps >= 1, "1 or more"),
            ("seed", 0 <= self.seed < 2**63, "0 or more"),
        ):
            if not right:
                raise ConfigError(
                    f"must be {wanted} (got {getattr(self, name)})", key=f"--{name.replace('_', '-')}"
                )

    @property
    def words(self) -> str:
        """All of it in one line: a run may be continued where this is the same."""
        return ", ".join(f"{one.name} {getattr(self, one.name)}" for one in fields(self))
