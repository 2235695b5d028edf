from __future__ import annotations

import pytest

from edge.errors import ModelError, StageError
from edge.flow import Closed
from edge.fronts.blame import Blame


def test_what_goes_wrong_is_told_with_its_stage_and_camera() -> None:
    with pytest.raises(StageError) as caught, Blame("track", "door"):
        raise KeyError("x")
    assert str(caught.value) == "stage 'track', camera 'door': KeyError: 'x'"
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize("error", [ModelError("no weights"), Closed("gone"), KeyboardInterrupt()])
def test_what_names_its_place_already_or_is_no_error_passes(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, Blame("track", "door"):
        raise error
    assert caught.value is error
