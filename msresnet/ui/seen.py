"""The field of view for those who ask about a part of it: hidden in the page, painted and clicked on by its scripts."""

import base64
import io
import json
from functools import lru_cache
from html import escape

from PIL import Image

from ..colour import scale_colour
from ..identity import identify
from ..ledger import Target
from ..session import Session
from .words import Words

# A photograph of 448 px is then some 40 KB, and no block of it shows.
JPEG_QUALITY = 85


def picture_key(session: Session) -> str:
    """Which picture is before which model."""
    return f"{session.image.sha256[:16]} {identify(session.model).name}"


def about(session: Session, target: Target, words: Words) -> str:
    """What a panel's answer is about: another picture, model, target or language makes it stale."""
    return f"{picture_key(session)} {target.index} {target.against} {words.code}"


def seen_html(session: Session, target: Target, words: Words) -> str:
    """The picture with its place in the upload and the scales that look at it; not shown."""
    sides = session.model.sides
    data = {
        "about": about(session, target, words),
        "picture": picture_key(session),
        "box": session.geometry.box,
        "size": session.geometry.upload_size,
        "sides": sides,
        "colours": [scale_colour(scale, len(sides)) for scale in range(len(sides))],
    }
    carried = escape(json.dumps(data, ensure_ascii=False))
    address = jpeg(session.view.tobytes(), *session.view.shape[:2])
    return f'<div id="seen" hidden data-seen="{carried}"><img alt="" src="{address}"></div>'


@lru_cache(maxsize=8)
def jpeg(pixels: bytes, height: int, width: int) -> str:
    """RGB pixels as an address that an ``<img>`` shows; kept, because a switch that is moved sends them again."""
    stream = io.BytesIO()
    Image.frombytes("RGB", (width, height), pixels).save(stream, "JPEG", quality=JPEG_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
