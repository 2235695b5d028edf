from __future__ import annotations

from pathlib import Path

import pytest

from edge.cli.check_worker import worker_notes, worker_problems
from edge.config.document import Document
from edge.config.ipg import IpgSpec
from edge.config.pipeline import load_pipeline_document

NETS = "detect: {model: demo-detector}\nembed: {model: demo-reid}\n"


def written(folder: Path, ipg: str) -> tuple[IpgSpec, Document]:
    file = folder / "pipeline.yaml"
    file.write_text(f"{NETS}ipg:\n{ipg}", encoding="utf-8")
    spec, document = load_pipeline_document(file)
    return spec.ipg, document


def problems(folder: Path, ipg: str) -> list[str]:
    return [str(one).removeprefix(f"{folder}/") for one in worker_problems(*written(folder, ipg))]


def test_without_a_worker_nothing_is_looked_at(tmp_path: Path) -> None:
    ipg = "  workers: 0\n  model: nobody\n  poses: nowhere.json\n"
    assert problems(tmp_path, ipg) == []
    assert worker_notes(written(tmp_path, ipg)[0]) == []


def test_a_model_that_is_none_or_draws_nothing_is_a_problem_with_its_line(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "  workers: 1\n  model: demo-igp\n")
    assert found.startswith("pipeline.yaml:5: ipg.model: no model card 'demo-igp'")
    (found,) = problems(tmp_path, "  workers: 1\n  model: demo-reid\n")
    assert found == "pipeline.yaml:5: ipg.model: model 'demo-reid' is made to embed, not to generate"


def test_poses_that_are_not_there_are_a_problem(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "  workers: 1\n  model: ./weights\n  poses: nowhere.json\n")
    assert "nowhere.json" in found


def test_weights_that_are_not_there_are_a_note_for_the_run_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("diffusers", reason="diffusers is not installed")
    ipg = "  workers: 1\n  model: ./weights\n"
    assert problems(tmp_path, ipg) == []
    (note,) = worker_notes(written(tmp_path, ipg)[0])
    assert note == (
        f"the worker will be off: '{tmp_path / 'weights'}' holds no weights; "
        "docs/ipg.md says where they come from"
    )
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "denoising_unet.pth").touch()
    assert worker_notes(written(tmp_path, ipg)[0]) == []


def test_a_package_that_is_missing_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.cli.check_worker.find_spec", lambda name: None if name == "PIL" else True)
    (note,) = worker_notes(written(tmp_path, "  workers: 1\n  model: ./weights\n")[0])
    assert note == "the worker will be off: it needs the package 'pillow'; pip install 'edge-reid[ipg]'"
