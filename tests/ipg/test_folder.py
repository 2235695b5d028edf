"""Opening a generator by the name of a card or by a folder."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("diffusers", reason="diffusers is not installed")
pytest.importorskip("PIL", reason="pillow is not installed")

from small_ipg import write_small_folder  # noqa: E402

import edge.ipg.folder as module  # noqa: E402
from edge.config import catalog  # noqa: E402
from edge.errors import ConfigError, ModelError  # noqa: E402
from edge.ipg.folder import open_generator, weights_folder  # noqa: E402
from edge.ipg.options import PRESETS  # noqa: E402
from edge.nets.checkpoint_files import pack  # noqa: E402
from edge.nets.checkpoints import load_nets, verify_folder  # noqa: E402
from edge.resources import models_dir  # noqa: E402

CARD = """\
name: tiny-ipg
task: generate
file: ipg.safetensors
bytes: {size}
sha256: "{sha256}"
licence: Apache-2.0
origin: a test
input: {{name: reference, width: 64, height: 128, resize: stretch, colour: rgb}}
outputs: {{pictures: [null, 128, 64, 3]}}
decoder: pictures
"""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models with one generator, and a ReID network's card."""
    weights = write_small_folder(tmp_path / "weights")
    folder = tmp_path / "models" / "tiny-ipg"
    folder.mkdir(parents=True)
    pack(load_nets(weights), folder / "ipg.safetensors")
    shutil.copy(weights / "ipg.json", folder)
    content = (folder / "ipg.safetensors").read_bytes()
    text = CARD.format(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    (folder / "card.yaml").write_text(text, encoding="utf-8")
    shutil.copytree(models_dir() / "demo-reid", tmp_path / "models" / "demo-reid")
    for one in (catalog, module):
        monkeypatch.setattr(one, "models_dir", lambda: tmp_path / "models")
    return tmp_path / "models"


def test_a_card_and_its_folder_open_the_same_generator(models: Path) -> None:
    by_name = open_generator("tiny-ipg", PRESETS["fast"])
    by_folder = open_generator(models / "tiny-ipg", PRESETS["fast"])
    image = np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8)
    assert np.array_equal(by_name.describe([image]), by_folder.describe([image]))
    assert by_name.nets.sizes.picture_px == (128, 64)
    assert [report.status for report in verify_folder(models / "tiny-ipg")] == ["ok"] * 6


def test_altered_weights_another_card_and_no_card_are_refused(models: Path) -> None:
    with pytest.raises(ConfigError, match="model 'demo-reid' is made to embed, not to generate"):
        weights_folder("demo-reid")
    with pytest.raises(ConfigError, match="no model card 'tiny-ipq'"):
        weights_folder("tiny-ipq")
    file = models / "tiny-ipg" / "ipg.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    with pytest.raises(ModelError, match="tiny-ipg"):
        weights_folder("tiny-ipg")


def test_a_name_of_no_network_in_the_one_file_is_refused(models: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    file = models / "tiny-ipg" / "ipg.safetensors"
    state = safetensors.load_file(file)
    safetensors.save_file({**state, "motion.weight": torch.zeros(1)}, file)
    with pytest.raises(ModelError, match=r"holds 'motion.weight', which belongs to none of the networks"):
        load_nets(models / "tiny-ipg")
    kept = {key: tensor for key, tensor in state.items() if not key.startswith("ifr.norm")}
    safetensors.save_file(kept, file)
    with pytest.raises(ModelError, match=r"is not the ifr net's: 2 missing: norm_motion.bias"):
        load_nets(models / "tiny-ipg")
