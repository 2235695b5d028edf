"""Body of ``edge eval retrieval``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli.progress import processors, progress_bars
from edge.errors import ConfigError

if TYPE_CHECKING:
    from edge.evaluate.market import MarketSet, Picture
    from edge.evaluate.recipe import Floats, Recipe
    from edge.evaluate.retrieval import Distances, Labels
    from edge.evaluate.retrieval_set import ProgressOf, RetrievalSet

__all__ = ["Request", "retrieval"]

BATCH = 64  # pictures of one run of the network
RERANK_K1, RERANK_K2, RERANK_LAMBDA = 20, 6, 0.3


@dataclass(frozen=True, slots=True)
class Request:
    """The command line; None or False where an option was not given."""

    data: Path
    embed: str | None = None
    features: Path | None = None
    nfc: str | None = None
    scope: str | None = None
    cross_camera: bool = False
    camera_mean: bool = False
    rerank: bool = False
    ipg: Path | None = None
    eta: float | None = None
    json: bool = False


def retrieval(request: Request) -> int:
    """Print how well the pictures of ``query/`` find the same people in ``bounding_box_test/``.

    Returns:
        0; a bad score is not a failure.

    Raises:
        ConfigError: an option, the folder or the file of features is wrong, or nothing can be scored.
        StartError: weights are missing or wrong, or a package is missing.
    """
    from edge.cli.retrieval_report import Report, print_json, print_report
    from edge.evaluate.market import read_market
    from edge.evaluate.recipe import centralize
    from edge.evaluate.retrieval import Labels, distances_between, score_retrieval

    recipe = _recipe(request)
    market = read_market(request.data)
    _require_matches(request.data, market.query, market.gallery)
    with progress_bars() as progress_of:
        model, data = _gather(request, market, progress_of)
    _require_matches(request.data, data.query, data.gallery)
    query, gallery = Labels.of(data.query), Labels.of(data.gallery)
    query_rows, gallery_rows = centralize(recipe, data.query_side, data.gallery_side)
    distances = _reranked(query_rows, gallery_rows) if request.rerank else None
    score = score_retrieval(distances or distances_between(query_rows, gallery_rows), query, gallery)
    report = Report(
        score=score,
        id2=_density(query, gallery, query_rows, gallery_rows),
        counts=_counts(market, data),
        skips=(*market.skips, *data.skips),
        model=model,
        recipe=recipe,
        rerank=request.rerank,
        ipg=request.ipg,
    )
    if request.json:
        print_json(report)
    else:
        print_report(report)
    return 0


def _recipe(request: Request) -> Recipe:
    """Check the options against each other before anything is read."""
    from edge.evaluate.recipe import SCOPES, Recipe

    if request.embed is not None and request.features is not None:
        raise ConfigError("--embed and --features exclude each other; give one of them")
    if request.features is not None and request.ipg is not None:
        raise ConfigError(
            "generated pictures are described by a model, so --ipg needs --embed; or add them to the "
            "features first, with edge.centralize.fuse_generated"
        )
    for option, given in (("--scope", request.scope is not None), ("--cross-camera", request.cross_camera)):
        if given and request.nfc is None:
            raise ConfigError("says whose neighbours are added; give --nfc K1,K2 too", key=option)
    if request.eta is not None and request.ipg is None:
        raise ConfigError("is the weight of generated pictures; give --ipg DIR too", key="--eta")
    eta = 1.0 if request.eta is None else request.eta
    if not (math.isfinite(eta) and eta >= 0):
        raise ConfigError(f"must be a number of 0 or more (got {eta:g})", key="--eta")
    scopes = {str(scope): scope for scope in SCOPES}
    scope = request.scope or SCOPES[0]
    if scope not in scopes:
        raise ConfigError(f"must be one of {', '.join(scopes)} (got '{scope}')", key="--scope")
    return Recipe(
        nfc=None if request.nfc is None else _parse_nfc(request.nfc),
        scope=scopes[scope],
        cross_camera=request.cross_camera,
        camera_mean=request.camera_mean,
        eta=eta,
    )


def _parse_nfc(text: str) -> tuple[int, int]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) <= 9 for part in parts):
        raise ConfigError(f"must be two whole numbers, like 2,2 (got '{text}')", key="--nfc")
    k1, k2 = map(int, parts)
    if min(k1, k2) < 1:
        raise ConfigError(f"both numbers must be 1 or more (got '{text}')", key="--nfc")
    return k1, k2


def _gather(request: Request, market: MarketSet, progress_of: ProgressOf) -> tuple[str, RetrievalSet]:
    """The features, and what made them."""
    from edge.config.pipeline import EmbedSpec, load_pipeline
    from edge.evaluate.feature_cache import cache_folder
    from edge.evaluate.feature_file import read_feature_file
    from edge.evaluate.features import open_describer
    from edge.evaluate.retrieval_set import embed_generated, embed_set, look_up_set

    if request.features is not None:
        return str(request.features), look_up_set(market, read_feature_file(request.features))
    spec = EmbedSpec(
        model=request.embed or load_pipeline().embed.model, batch_max=BATCH, threads=processors()
    )
    cache = cache_folder()
    with open_describer(spec) as describer:
        data = embed_set(market, describer, cache=cache, progress_of=progress_of)
        if request.ipg is not None:
            data = embed_generated(data, request.ipg, describer, cache=cache, progress_of=progress_of)
        return describer.name, data


def _require_matches(folder: Path, query: Sequence[Picture], gallery: Sequence[Picture]) -> None:
    """Raise ConfigError unless somebody in the query is in the gallery, seen by another camera."""
    cameras: dict[int, set[int]] = {}
    for picture in gallery:
        cameras.setdefault(picture.person, set()).add(picture.camera)
    if not any(cameras.get(picture.person, set()) - {picture.camera} for picture in query):
        raise ConfigError(
            "nobody in query/ is in bounding_box_test/ in another camera, so nothing can be scored; do both "
            "folders belong to one set, and are person and camera in the names right?",
            file=str(folder),
        )


def _reranked(query: Floats, gallery: Floats) -> Distances:
    """k-reciprocal distances of all queries to the gallery."""
    from edge.centralize import k_reciprocal_rerank

    count = len(query) + len(gallery)
    if count <= RERANK_K1:
        raise ConfigError(
            f"looks at {RERANK_K1} neighbours and needs more pictures than that (got {count})", key="--rerank"
        )
    try:
        rows = k_reciprocal_rerank(query, gallery, RERANK_K1, RERANK_K2, RERANK_LAMBDA)
    except ValueError as error:
        raise ConfigError(str(error), key="--rerank") from None
    return lambda start, stop: rows[start:stop]


def _density(query: Labels, gallery: Labels, query_rows: Floats, gallery_rows: Floats) -> float:
    """ID²: mean over all pictures of somebody, query and gallery together; distractors are nobody."""
    import numpy as np

    from edge.centralize import identity_density

    persons = np.concatenate([query.persons, gallery.persons])
    rows = np.concatenate([query_rows, gallery_rows])
    somebody = persons > 0
    return float(np.mean(identity_density(rows[somebody], persons[somebody]), dtype=np.float64))


def _counts(market: MarketSet, data: RetrievalSet) -> dict[str, int]:
    """What was compared, in numbers."""
    both = (*data.query, *data.gallery)
    return {
        "people": len({picture.person for picture in both if picture.person > 0}),
        "cameras": len({picture.camera for picture in both}),
        "gallery": len(data.gallery),
        "distractors": sum(picture.person == 0 for picture in data.gallery),
        "junk": market.junk,
        "generated": sum(len(owned) for side in (data.query_side, data.gallery_side) for owned in side.owned),
        "skipped": len(market.skips) + len(data.skips),
    }
