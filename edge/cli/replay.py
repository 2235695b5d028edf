"""Body of ``edge eval replay``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.progress import processors, progress_bars
from edge.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge.config.pipeline import PipelineSpec
    from edge.evaluate.crop_tracklets import CropTracklet
    from edge.evaluate.market import MarketSet, Picture, Skip
    from edge.evaluate.replay import Ingredients, Progress, ReplayScore
    from edge.evaluate.retrieval_set import ProgressOf

__all__ = ["Request", "replay"]

BATCH = 64  # pictures of one run of the network
WINDOW_MAX_S = 31_536_000.0  # a year
ABLATED = {
    "nfc": "no NFC",
    "camera_mean": "no camera mean",
    "whiten": "no whitening",
    "calibration": "no learnt calibration",
    "prototypes": "no generated views",
}


@dataclass(frozen=True, slots=True)
class Request:
    """The command line; None or False where an option was not given."""

    data: Path
    embed: str | None = None
    features: Path | None = None
    pipeline: str | None = None
    window_s: float | None = None
    no_nfc: bool = False
    no_camera_mean: bool = False
    no_whiten: bool = False
    distractors: bool = False
    query: bool = False
    ablation: bool = False
    plot: Path | None = None
    ipg: Path | None = None
    eta: float | None = None
    json: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Stream:
    """What is sent, and what the report says about it.

    pictures: those that have an embedding; vectors: theirs, float32 (n, d); groups: them as tracklets.
    model: what made the embeddings; skips: what was left out.
    drawn: for each group the embeddings of what was generated of it, float32 (m, d); empty where nothing was.
    """

    pictures: Sequence[Picture]
    vectors: NDArray[np.float32]
    groups: Sequence[CropTracklet]
    model: str
    skips: Sequence[Skip]
    drawn: Sequence[NDArray[np.float32]] = ()


def replay(request: Request) -> int:
    """Play the pictures of ``bounding_box_test/`` as a stream, and print how well people are told apart.

    Returns:
        0; a bad score is not a failure.

    Raises:
        ConfigError: an option, the folder, the pipeline or the file of features is wrong, or nothing can be
            scored.
        StartError: weights are missing or wrong, or a package is missing.
    """
    from edge.cli.reliability_plot import write_plot
    from edge.cli.replay_report import Report, print_json, print_report
    from edge.cli.threads import one_thread_each
    from edge.config.pipeline import DEFAULT, load_pipeline
    from edge.evaluate.market import read_market

    one_thread_each()
    uses = _ingredients(request)
    pipeline = load_pipeline(request.pipeline or DEFAULT)
    market = read_market(request.data, gallery_only=not request.query)
    _require_returns(request, (*market.query, *market.gallery))
    with progress_bars() as progress_of:
        stream = _gather(request, market, pipeline, progress_of)
        _require_returns(request, stream.pictures)
        eta = pipeline.ipg.eta if request.eta is None else request.eta
        score = _play(stream, pipeline, uses, request.window_s, eta, progress_of("replay"))
        ablation: dict[str, ReplayScore] = {}
        ablated = {name: title for name, title in ABLATED.items() if name != "prototypes" or stream.drawn}
        for name, title in ablated.items() if request.ablation else ():
            less = replace(uses, **{name: False})
            ablation[name] = _play(stream, pipeline, less, request.window_s, eta, progress_of(title))
    window_s = pipeline.identify.revise_s if request.window_s is None else request.window_s
    report = Report(score, ablation, ABLATED, uses, window_s, stream.model, market.junk, stream.skips)
    if request.plot is not None:
        write_plot(request.plot, score)
    if request.json:
        print_json(report)
    else:
        print_report(report)
    return 0


def _ingredients(request: Request) -> Ingredients:
    """Check the options against each other before anything is read."""
    from edge.evaluate.replay import Ingredients

    if request.embed is not None and request.features is not None:
        raise ConfigError("--embed and --features exclude each other; give one of them")
    if request.features is not None and request.ipg is not None:
        raise ConfigError("generated pictures are described by a model, so --ipg needs --embed")
    if request.eta is not None and request.ipg is None:
        raise ConfigError("is the weight of generated pictures; give --ipg DIR too", key="--eta")
    if request.eta is not None and not (math.isfinite(request.eta) and request.eta >= 0):
        raise ConfigError(f"must be a number of 0 or more (got {request.eta:g})", key="--eta")
    window_s = request.window_s
    if window_s is not None and not (math.isfinite(window_s) and 0 < window_s <= WINDOW_MAX_S):
        raise ConfigError(f"must be seconds above 0, at most a year (got {window_s:g})", key="--window-s")
    uses = Ingredients(
        nfc=not request.no_nfc, camera_mean=not request.no_camera_mean, whiten=not request.no_whiten
    )
    if request.plot is not None and request.plot.is_dir():
        raise ConfigError("is a folder; name the picture to be written", file=str(request.plot), key="--plot")
    if request.ablation and uses != Ingredients():
        raise ConfigError(
            "leaves out one ingredient after the other by itself; drop the --no-… options", key="--ablation"
        )
    return uses


def _require_returns(request: Request, pictures: Sequence[Picture]) -> None:
    """Raise ConfigError unless two cameras see one person."""
    seen: dict[int, int] = {}
    for picture in pictures:
        if picture.person > 0 and seen.setdefault(picture.person, picture.camera) != picture.camera:
            return
    raise ConfigError(
        "holds nobody whom two cameras saw, so nothing can be scored; are person and camera in the names "
        "right?",
        file=str(request.data),
    )


def _gather(request: Request, market: MarketSet, pipeline: PipelineSpec, progress_of: ProgressOf) -> _Stream:
    """Embeddings of what is to be sent; distractors are described too, so retrieval's cache serves."""
    from edge.config.pipeline import EmbedSpec
    from edge.evaluate.crop_tracklets import group_pictures
    from edge.evaluate.feature_cache import cache_folder
    from edge.evaluate.feature_file import read_feature_file
    from edge.evaluate.features import open_describer
    from edge.evaluate.market import DISTRACTOR
    from edge.evaluate.replay_set import embed_drawn, embed_stream, look_up_stream

    generated: dict[str, NDArray[np.float32]] = {}
    more: list[Skip] = []
    if request.features is not None:
        model = str(request.features)
        found = look_up_stream(market, read_feature_file(request.features))
    else:
        given = {"model": request.embed or pipeline.embed.model, "batch_max": BATCH, "threads": processors()}
        spec = EmbedSpec.model_validate(pipeline.embed.model_dump() | given)
        with open_describer(spec) as describer:
            model = describer.name
            found = embed_stream(market, describer, cache=cache_folder(), progress_of=progress_of)
            if request.ipg is not None:
                generated, more = embed_drawn(
                    market, request.ipg, describer, cache=cache_folder(), progress_of=progress_of
                )
    sent = [
        row
        for row, picture in enumerate(found.pictures)
        if request.distractors or picture.person != DISTRACTOR
    ]
    pictures = [found.pictures[row] for row in sent]
    skips = (*market.skips, *found.skips, *more)
    vectors, groups = found.vectors[sent], group_pictures(pictures)
    drawn = _drawn_of(groups, pictures, generated, vectors.shape[1]) if generated else ()
    return _Stream(pictures, vectors, groups, model, skips, drawn)


def _drawn_of(
    groups: Sequence[CropTracklet],
    pictures: Sequence[Picture],
    generated: Mapping[str, NDArray[np.float32]],
    dim: int,
) -> list[NDArray[np.float32]]:
    """What was generated of each tracklet: from one picture, that in its middle or the next that has any."""
    import numpy as np

    found = []
    for group in groups:
        middle = len(group.rows) // 2
        names = [pictures[row].name for row in (*group.rows[middle:], *reversed(group.rows[:middle]))]
        own = next((generated[name] for name in names if name in generated), None)
        found.append(np.zeros((0, dim), np.float32) if own is None else own)
    return found


def _play(
    stream: _Stream,
    pipeline: PipelineSpec,
    uses: Ingredients,
    window_s: float | None,
    eta: float,
    progress: Progress | None,
) -> ReplayScore:
    from edge.evaluate import replay as stage

    refine, identify = stage.replay_specs(pipeline.refine, pipeline.identify, uses, window_s)
    said = stage.replay(
        stream.groups,
        stream.vectors,
        refine,
        identify,
        model=stream.model,
        drawn=stream.drawn if uses.prototypes else (),
        eta=eta,
        progress=progress,
    )
    return stage.score_replay(stream.groups, said)
