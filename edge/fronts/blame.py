"""Say in which stage, and at which camera, something went wrong."""

from __future__ import annotations

from types import TracebackType

from edge.errors import EdgeError, StageError
from edge.flow import Closed

__all__ = ["Blame"]


class Blame:
    """A ``with`` block that turns whatever goes wrong inside into a StageError.

    Errors that name their place already (:class:`edge.errors.EdgeError`) and the end of a channel
    (:class:`edge.flow.Closed`) pass as they are.

    Args:
        stage: the stage's name.
        camera: the camera of the item in hand; empty when there are several or none.
    """

    __slots__ = ("_camera", "_stage")

    def __init__(self, stage: str, camera: str = "") -> None:
        self._stage = stage
        self._camera = camera

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, (EdgeError, Closed)):
            raise StageError(self._stage, self._camera, error) from error
