"""What report.html says of generated pictures, which are marked as such wherever they are shown."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Sequence

import cv2

from edge.stages.sink.page import table
from edge.stages.sink.worker import WorkerRow
from edge.stores import KeptPicture
from edge.stores.labelled import decode_png, encode_synthetic

__all__ = ["Generated", "generated_block", "worker_section"]

Generated = Callable[[int], Sequence[KeptPicture]]
"""Identity to what was generated of that person, and the reference."""

HEIGHT_PX = 96


def generated_block(pictures: Sequence[KeptPicture]) -> str:
    """Return the pictures that were generated of one person as HTML; empty where there are none.

    Each is made smaller, and its file still says that it is synthetic.
    """
    drawn = [picture for picture in pictures if picture.synthetic]
    if not drawn:
        return ""
    figures = "".join(_figure(picture) for picture in drawn)
    return (
        '<div class="drawn"><p class="note">Generated from one of the pictures above, not photographs:</p>'
        f'<div class="crops">{figures}</div></div>'
    )


def worker_section(row: WorkerRow | None) -> list[str]:
    """Return the section about the background worker; nothing where there is none."""
    if row is None:
        return []
    rejected = (
        f"{row.rejected_too_far} unlike their reference, {row.rejected_like_another} like somebody else"
    )
    facts = [
        ["state", row.state + (f": {row.reason}" if row.reason else "")],
        ["generator", row.generator or "–"],
        ["people drawn", f"{row.identities:,}, lately {row.identities_per_minute:.1f} per minute"],
        ["pictures kept", f"{row.pictures:,}"],
        ["pictures rejected", rejected if row.rejected else "none"],
        [
            "jobs",
            f"{row.asked:,} asked for, {row.replaced:,} replaced, {row.dropped:,} dropped, "
            f"{row.queue:,} waiting" + (f", the oldest for {row.oldest_s:.0f} s" if row.queue else ""),
        ],
        ["restarts", f"{row.restarts:,}" + (f", the last because {row.last_loss}" if row.last_loss else "")],
        ["seconds", f"{row.busy_s:.1f} computing, {row.paused_s:.1f} paused for the live path"],
    ]
    facts += [[f"set aside: id {who}", why] for who, why in row.set_aside_jobs]
    return ["<h2>Background worker</h2>", table(["generated views", ""], facts)]


def _figure(picture: KeptPicture) -> str:
    image = decode_png(picture.png)
    height, width = image.shape[:2]
    if height > HEIGHT_PX:
        width = max(round(width * HEIGHT_PX / height), 1)
        image = cv2.resize(image, (width, HEIGHT_PX), interpolation=cv2.INTER_AREA).astype("uint8")
        height = HEIGHT_PX
    data = base64.b64encode(encode_synthetic(image, picture.name)).decode("ascii")
    name = html.escape(picture.name, quote=True)
    return (
        f'<figure class="generated" title="generated: {name}"><img src="data:image/png;base64,{data}" '
        f'width="{width}" height="{height}" alt="generated picture, {name}">'
        f"<figcaption>generated</figcaption></figure>"
    )
