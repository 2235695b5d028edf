"""Is what was opened what its card promises?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge.errors import ModelError

if TYPE_CHECKING:
    from edge.backends.session import Port, Session
    from edge.config.card import ModelCard

__all__ = ["check_ports"]


def check_ports(session: Session, card: ModelCard) -> None:
    """Compare a session's inputs and outputs with its model card.

    The graph may leave free what the card fixes (then each run shows), never the other way round. It
    may have outputs that the card does not mention, but no inputs.

    Raises:
        ModelError: names the port and both shapes.
    """
    inputs = {port.name: port for port in session.inputs}
    wanted = card.input.name
    if wanted not in inputs:
        raise ModelError(
            f"model '{card.name}': the file has no input '{wanted}' as its card says; "
            f"it has: {_names(inputs)}"
        )
    extra = [name for name in inputs if name != wanted]
    if extra:
        raise ModelError(
            f"model '{card.name}': the file has inputs its card does not mention: {_names(extra)}; "
            "only networks with one image input can be used"
        )
    port = inputs[wanted]
    if port.dtype != card.input.dtype:
        raise ModelError(
            f"model '{card.name}': input '{wanted}' is {port.dtype} in the file, "
            f"but {card.input.dtype} in its card"
        )
    _check_shape(card, "input", port, card.input_shape)

    outputs = {port.name: port for port in session.outputs}
    for name, shape in card.outputs.items():
        if name not in outputs:
            raise ModelError(
                f"model '{card.name}': the file has no output '{name}' as its card says; "
                f"it has: {_names(outputs)}"
            )
        _check_shape(card, "output", outputs[name], shape)


def _check_shape(card: ModelCard, kind: str, port: Port, promised: Sequence[int | None]) -> None:
    """Raise ModelError where the graph fixes a dimension otherwise than the card."""
    fits = len(port.shape) == len(promised) and all(
        found is None or found == wanted for found, wanted in zip(port.shape, promised, strict=True)
    )
    if not fits:
        raise ModelError(
            f"model '{card.name}': {kind} '{port.name}' is {_show(port.shape)} in the file, "
            f"but {_show(promised)} in its card"
        )


def _show(shape: Sequence[int | None]) -> str:
    """A shape as text, ``?`` for a free dimension: ``[?, 3, 416, 416]``."""
    return "[" + ", ".join("?" if size is None else str(size) for size in shape) + "]"


def _names(names: Sequence[str] | dict[str, Port]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "none"
