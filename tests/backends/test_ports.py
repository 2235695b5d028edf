from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.backends import Port, check_ports, open_session
from edge.config.card import ModelCard
from edge.errors import ModelError

MakeGraph = Callable[..., Path]


class Described:
    """A session that only has ports."""

    def __init__(self, inputs: tuple[Port, ...], outputs: tuple[Port, ...]) -> None:
        self.inputs = inputs
        self.outputs = outputs

    def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> dict[str, NDArray[np.generic]]:
        raise NotImplementedError

    def close(self) -> None:
        pass


def card_of(**changes: Any) -> ModelCard:
    content: dict[str, Any] = {
        "name": "my-net",
        "task": "embed",
        "file": "my.onnx",
        "bytes": 100,
        "sha256": "0" * 64,
        "licence": "none",
        "origin": "a test",
        "input": {"name": "images", "width": 2, "height": 4, "resize": "stretch", "colour": "rgb"},
        "outputs": {"output": [None, 3, 4, 2]},
        "decoder": "embedding",
        "dim": 2,
    }
    return ModelCard.model_validate({**content, **changes})


IMAGES = Port("images", (None, 3, 4, 2), "float32")
OUTPUT = Port("output", (None, 3, 4, 2), "float32")


def test_a_graph_like_its_card_passes(make_identity: MakeGraph) -> None:
    check_ports(open_session(make_identity()), card_of())


def test_a_graph_may_be_freer_than_its_card() -> None:
    images = Port("images", (None, None, None, None), "float32")
    output = Port("output", (None, None, None, None), "float32")
    check_ports(Described((images,), (output,)), card_of(batch=1, outputs={"output": [1, 3, 4, 2]}))


def test_a_fixed_batch_is_refused_where_the_card_says_free(make_identity: MakeGraph) -> None:
    session = open_session(make_identity(shape=(1, 3, 4, 2)))
    with pytest.raises(ModelError) as caught:
        check_ports(session, card_of())
    assert str(caught.value) == (
        "model 'my-net': input 'images' is [1, 3, 4, 2] in the file, but [?, 3, 4, 2] in its card"
    )


@pytest.mark.parametrize("shape", [("n", 3, 2, 4), ("n", 4, 2, 3), ("n", 1, 4, 2), ("n", 24)])
def test_another_input_shape_names_the_port_and_both_shapes(
    make_identity: MakeGraph, shape: tuple[str | int, ...]
) -> None:
    with pytest.raises(ModelError, match=r"input 'images' is \[\?, .* but \[\?, 3, 4, 2\] in its card"):
        check_ports(open_session(make_identity(shape=shape)), card_of())


def test_another_input_name_lists_what_the_file_has(make_identity: MakeGraph) -> None:
    with pytest.raises(ModelError, match="no input 'images' as its card says; it has: 'data'"):
        check_ports(open_session(make_identity(source="data")), card_of())


def test_another_output_name_lists_what_the_file_has(make_identity: MakeGraph) -> None:
    with pytest.raises(ModelError, match="no output 'output' as its card says; it has: 'result'"):
        check_ports(open_session(make_identity(result="result")), card_of())


def test_another_output_shape_names_the_port_and_both_shapes() -> None:
    output = Port("output", (None, 3, 4, 256), "float32")
    with pytest.raises(
        ModelError, match=r"output 'output' is \[\?, 3, 4, 256\] in the file, but \[\?, 3, 4, 2\]"
    ):
        check_ports(Described((IMAGES,), (output,)), card_of())


def test_another_element_type_is_refused() -> None:
    images = Port("images", (None, 3, 4, 2), "float16")
    with pytest.raises(ModelError, match="input 'images' is float16 in the file, but float32 in its card"):
        check_ports(Described((images,), (OUTPUT,)), card_of())


def test_a_second_input_is_refused() -> None:
    size = Port("size", (2,), "int64")
    with pytest.raises(ModelError, match="does not mention: 'size'"):
        check_ports(Described((IMAGES, size), (OUTPUT,)), card_of())


def test_outputs_the_card_does_not_mention_are_ignored() -> None:
    other = Port("debug", (7,), "float32")
    check_ports(Described((IMAGES,), (other, OUTPUT)), card_of())
