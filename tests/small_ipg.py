"""A generator of the very same classes, so small that its folder of weights takes a second to make."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIZES: dict[str, Any] = {
    "picture_px": [128, 64],
    "tokens": 3,
    "pose_widths": [4, 4, 8, 8],
    "reid": {
        "picture_px": [64, 32],
        "patch_px": 16,
        "stride_px": 8,
        "width": 16,
        "depth": 2,
        "heads": 2,
        "people": 5,
        "pretraining_classes": 3,
    },
    "unet": {
        "block_out_channels": [8, 16, 16, 16],
        "norm_num_groups": 8,
        "cross_attention_dim": 16,
        "attention_head_dim": 2,
        "layers_per_block": 1,
    },
    "vae": {"block_out_channels": [8, 8, 8, 8], "norm_num_groups": 8, "layers_per_block": 1},
}


def write_small_folder(folder: Path, seed: int = 0) -> Path:
    """A complete folder of random weights, with its sizes in ipg.json."""
    import torch

    from edge.nets.checkpoints import NET_FILES
    from edge.nets.ipg import build_nets
    from edge.nets.sizes import read_sizes

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ipg.json").write_text(json.dumps(SIZES), encoding="utf-8")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        nets = build_nets(read_sizes(folder))
        for parameter in (*nets.pose_guider.conv_out.parameters(), nets.reid.base.pos_embed):
            torch.nn.init.normal_(parameter, std=0.2)  # they begin at zero
    for name, stem in NET_FILES.items():
        torch.save(getattr(nets, name).state_dict(), folder / f"{stem}.pth")
    (folder / "sd-vae-ft-mse").mkdir(exist_ok=True)
    torch.save(nets.vae.state_dict(), folder / "sd-vae-ft-mse" / "diffusion_pytorch_model.bin")
    return folder
