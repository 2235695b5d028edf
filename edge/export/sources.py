"""Where the graph to export comes from: an ONNX file of a card, or a torch network of a folder of weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edge.config.card import ModelCard
from edge.errors import MissingExtraError, ModelError
from edge.export.graphs import free_batch, has_free_batch, read_graph
from edge.export.parity import TOLERANCE, Parity, check_rows

__all__ = ["Source", "from_onnx", "from_transreid", "from_unet", "random_input"]

Array = NDArray[np.generic]
Feeds = Mapping[str, Array]

CHECK_ROWS = 3
_SEED = 20261128


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A float32 graph with a free batch, already checked against what it was made from.

    model: the graph.
    parity: how far it is from that; None where it is the very file.
    feeds: inputs it was, or can be, checked with.
    origin: what it was made from, for people.
    dim: length of its embeddings, where the weights decide that; None: as the card says.
    """

    model: onnx.ModelProto
    parity: Parity | None
    feeds: Feeds
    origin: str
    dim: int | None = None


def random_input(card: ModelCard, rows: int) -> NDArray[np.float32]:
    """Pictures of noise as the network takes them, float32 (rows, 3, height, width)."""
    rng = np.random.default_rng(_SEED)
    pixels = rng.integers(0, 256, (rows, *card.input_shape[1:])).astype(np.float32)
    mean, std = (np.array(part, np.float32).reshape(3, 1, 1) for part in (card.input.mean, card.input.std))
    return np.asarray((pixels * card.input.scale - mean) / std, np.float32)


def from_onnx(card: ModelCard, file: Path, scratch: Path) -> Source:
    """The graph of a card, its batch freed where it was fixed.

    Args:
        card: of the file.
        file: the weights.
        scratch: a folder for what is needed only now.

    Raises:
        ModelError: the file is no graph, or its input is not float32.
        ExportError: rows of a freed batch are not computed one by one.
    """
    from edge.backends import open_session
    from edge.export.graphs import write_graph

    if card.input.dtype != "float32":
        raise ModelError(
            f"model '{card.name}' takes {card.input.dtype}; export the float32 network it came from"
        )
    model = read_graph(file)
    feeds = {card.input.name: random_input(card, CHECK_ROWS)}
    if has_free_batch(model, card.input.name):
        return Source(model, None, feeds, str(file))
    freed = free_batch(model)
    target = scratch / "free.onnx"
    write_graph(freed, target)
    old, new = (open_session(path, backend="onnxruntime", card_name=card.name) for path in (file, target))
    try:
        parity = check_rows(lambda row: _copied(old.run(row)), new, feeds, TOLERANCE["fp32"])
    finally:
        old.close()
        new.close()
    parity.require(f"model '{card.name}' with a free batch")
    return Source(freed, parity, feeds, str(file))


def from_transreid(card: ModelCard, file: Path, scratch: Path) -> Source:
    """TransReID, from ``transformer_20.pth`` (and the sizes beside it).

    Raises:
        MissingExtraError: torch is not installed.
        ModelError: the file is not that network's.
        ExportError: the graph computes something else.
    """
    torch = _torch(card.name)
    from edge.nets.checkpoints import load_transreid
    from edge.nets.export import export_onnx

    net = load_transreid(file)
    high, wide = net.sizes.picture_px
    target = scratch / "transreid.onnx"
    output = next(iter(card.outputs))
    export_onnx(net, target, input_name=card.input.name, output_name=output, height_px=high, width_px=wide)
    rng = np.random.default_rng(_SEED)
    pictures = rng.uniform(-1, 1, (CHECK_ROWS, 3, high, wide)).astype(np.float32)
    feeds = {card.input.name: pictures}

    def run(given: Feeds) -> Feeds:
        with torch.inference_mode():
            return {output: net(torch.from_numpy(np.asarray(given[card.input.name], np.float32))).numpy()}

    parity = _against_torch(run, feeds, target, card.name)
    return Source(read_graph(target), parity, feeds, str(file), net.sizes.dim)


def from_unet(folder: Path, scratch: Path) -> Source:
    """The generator's denoising UNet with its reference bank as inputs; see docs/export.md for their names.

    Raises:
        ConfigError: no such folder.
        MissingExtraError: torch or diffusers is not installed.
        ModelError: a file is missing, broken, or another net's.
        ExportError: the graph computes something else.
    """
    torch = _torch("ipg")
    from edge.nets.banked_unet import BankedUNet
    from edge.nets.checkpoints import load_nets
    from edge.nets.export import trace_onnx
    from edge.nets.reference_attention import ReferenceReader, ReferenceWriter, write_bank

    nets = load_nets(folder)
    sizes = nets.sizes
    high, wide = sizes.latent_px
    channels = sizes.unet["block_out_channels"][0]
    width = sizes.unet["cross_attention_dim"]
    rng = torch.Generator().manual_seed(_SEED)

    def noise(*shape: int) -> Any:
        return torch.randn(*shape, generator=rng)

    rows, references = 4, 2
    with torch.inference_mode():
        tokens = write_bank(
            ReferenceWriter(nets.reference_unet),
            nets.reference_unet,
            noise(references, 4, high, wide),
            noise(references, sizes.tokens, width),
        )
        reader = ReferenceReader(nets.denoising_unet)
        bank = reader.project(tokens)
        looks = torch.tensor([-1, -1, 1, 0])
        latents, embeds = noise(rows, 4, high, wide), noise(rows, sizes.tokens, width)
        pose = noise(rows, channels, high, wide)
        time = torch.tensor(601)
        with reader.reading(bank, unconditional=2, references=looks[2:]):
            wanted = nets.denoising_unet.denoise(latents, time, embeds, pose).numpy().copy()
    net = BankedUNet(nets.denoising_unet).eval()
    bank_inputs = [tensor.clone() for tensor in net.bank_inputs(bank)]
    given = [latents.clone(), time.clone(), embeds.clone(), pose.clone(), looks, *bank_inputs]
    names = net.input_names
    free = {name: {0: "references"} for name in names if name.startswith(("key_", "value_"))}
    free |= {name: {0: "rows"} for name in ("latents", "embeds", "pose", "reference", "prediction")}
    target = scratch / "unet.onnx"
    trace_onnx(net, target, given, inputs=names, outputs=["prediction"], free=free)
    feeds = {name: tensor.numpy() for name, tensor in zip(names, given, strict=True)}
    parity = _against_torch(lambda _: {"prediction": wanted}, feeds, target, "ipg")
    return Source(read_graph(target), parity, feeds, str(folder))


def _against_torch(run: Callable[[Feeds], Feeds], feeds: Feeds, file: Path, name: str) -> Parity:
    """Compare a freshly written graph with what torch computes; ExportError where they differ."""
    from edge.backends import open_session
    from edge.export.parity import compare

    session = open_session(file, backend="onnxruntime", card_name=name)
    try:
        parity = compare(run(feeds), session.run(feeds), TOLERANCE["fp32"])
    finally:
        session.close()
    parity.require(f"model '{name}' exported from torch")
    return parity


def _copied(outputs: Mapping[str, Array]) -> dict[str, Array]:
    return {name: array.copy() for name, array in outputs.items()}


def _torch(name: str) -> Any:
    """The module; MissingExtraError where it, or what the networks need beside it, is not installed."""
    try:
        import diffusers  # noqa: F401
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"model '{name}' is a torch network, which needs the package '{error.name}'; "
            "pip install 'edge-reid[ipg]'"
        ) from None
    return torch
