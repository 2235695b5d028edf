"""What outlives a run, and who draws people meanwhile: the state, and the background workers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import StartError, StoreError
from edge.fronts import Facts, Keeper, end_killed_run, open_state

if TYPE_CHECKING:
    from edge.config.pipeline import PipelineSpec
    from edge.flow import StageMeter
    from edge.ipg.supervisor import Supervisor
    from edge.stages.identify import Identifier
    from edge.stages.refine import Refiner
    from edge.stores import StateStore

__all__ = ["begin_with_state", "open_drawing", "remember"]

DAY_S = 86_400.0


def begin_with_state(
    state: Path, folder: Path, fresh: bool, pipeline: PipelineSpec, resources: ExitStack
) -> StateStore:
    """Open the state, closed with ``resources``; a run that was killed has its end made up for."""
    from edge.stages.identify import Identifier
    from edge.stages.refine import Refiner
    from edge.stages.sink import check_folder

    check_folder(folder)
    store = open_state(state, folder / "events.jsonl", fresh=fresh)
    resources.callback(store.close)
    try:
        end_killed_run(
            store, folder, lambda names: Identifier(pipeline.identify, Refiner(pipeline.refine), names)
        )
    except StoreError as error:
        raise StartError(str(error)) from error
    return store


def remember(store: StateStore, facts: Facts, model: str, identifier: Identifier, refiner: Refiner) -> Keeper:
    """Let an identifier begin with whom earlier runs knew, and keep what it does."""
    try:
        run = store.begin(facts.run, facts.site, model, facts.started_at_ns)
        return Keeper(store, run, identifier, refiner)
    except StoreError as error:
        raise StartError(str(error)) from error


def open_drawing(
    pipeline: PipelineSpec,
    model: str,
    state: Path,
    owner: str,
    watched: Mapping[str, StageMeter],
    resources: ExitStack,
) -> Supervisor | None:
    """The background workers, where the pipeline has any; their store is let go of with ``resources``.

    Prototypes lie beside the state of the people they are of: where there is none, they are a run's own.
    ``model`` is the fingerprint of the network that embeds.
    """
    if not pipeline.ipg.workers:
        return None
    from edge.ipg.process import Setup
    from edge.ipg.supervisor import Supervisor
    from edge.stores import prototypes_beside

    setup = Setup(
        spec=pipeline.ipg,
        store=prototypes_beside(state),
        embed_model=pipeline.embed.model,
        embed_backend=pipeline.embed.backend,
        flip=pipeline.embed.flip,
        model=model,
        store_ttl_s=pipeline.ipg.keep_days * DAY_S,
        store_bytes_max=pipeline.ipg.keep_mb * 1_000_000,
    )
    drawing = Supervisor(setup, owner, lambda: watched)
    resources.callback(drawing.release)
    return drawing
