"""IPG, identity-guided pedestrian generation: a person's picture drawn again in standard poses.

``generator`` draws, ``folder`` works through a folder of references, ``sticks`` and ``poses`` are the poses.
Most modules import torch, so import them late; this package itself imports nothing.

Source: Pose2ID (CVPR 2025), section 3.2, "Identity-Guided Pedestrian Generation".
"""
