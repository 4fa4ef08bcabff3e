"""Pictures for the demo's people: shapes, not faces, so that nobody real or unreal is shown.

    .venv/bin/python -m portal.seeds.making.portraits

Each is drawn from the handle alone, so that running it again changes nothing.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from PIL import Image, ImageDraw

TARGET = Path(__file__).parents[1] / "content" / "portraits"
SIDE = 480
_DRAWN_AT = SIDE * 3  # and made smaller, so that curves are smooth
# Paper, and three colours that go with it.
_PALETTES = [
    ("#f3ead8", "#1f5c4d", "#d98f4e", "#24312c"),
    ("#e3ece4", "#7a3b2e", "#e0b15a", "#1f3a4d"),
    ("#f4e3d7", "#35507a", "#c9654b", "#f7f2e8"),
    ("#e6e4ef", "#5b4a86", "#e2a03f", "#22302a"),
    ("#dfeaf0", "#1d6a78", "#b8503f", "#f3d9a4"),
    ("#f6efd9", "#4a6b2f", "#8c3f5d", "#2b3340"),
]
# Who has one; the others keep their initials, as in any program.
HANDLES = (
    "alice",
    "carl",
    "cory",
    "dan",
    "grace",
    "henry",
    "ines",
    "joel",
    "mei",
    "nadia",
    "olga",
    "priya",
    "ruth",
    "tomas",
)


def draw(handle: str) -> Image.Image:
    """Four quarters in the manner of a quilt, each a disc, an arch, a leaf or a stair."""
    seed = hashlib.sha256(handle.encode()).digest()
    paper, *inks = _PALETTES[seed[0] % len(_PALETTES)]
    image = Image.new("RGB", (_DRAWN_AT, _DRAWN_AT), paper)
    pen, half = ImageDraw.Draw(image), _DRAWN_AT // 2
    for quarter in range(4):
        x, y = (quarter % 2) * half, (quarter // 2) * half
        ground, ink = inks[seed[1 + quarter] % 3], inks[(seed[1 + quarter] + 1 + seed[5 + quarter] % 2) % 3]
        if seed[9 + quarter] % 3:
            pen.rectangle((x, y, x + half, y + half), fill=ground)
        _shape(pen, seed[13 + quarter] % 4, seed[17 + quarter] % 4, x, y, half, ink)
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def _shape(pen: ImageDraw.ImageDraw, kind: int, turn: int, x: int, y: int, side: int, ink: str) -> None:
    right, low = x + side, y + side
    corner = [(x, y), (right, y), (right, low), (x, low)][turn]
    if kind == 0:  # a disc
        inset = side // 6
        pen.ellipse((x + inset, y + inset, right - inset, low - inset), fill=ink)
    elif kind == 1:  # a quarter of a disc, from a corner
        cx, cy = corner
        pen.pieslice((cx - side, cy - side, cx + side, cy + side), (turn * 90) % 360, (turn * 90) % 360 + 90, fill=ink)
    elif kind == 2:  # half of the square, along its diagonal
        pen.polygon([point for point in [(x, y), (right, y), (right, low), (x, low)] if point != corner], fill=ink)
    else:  # a stair of three
        step = side // 3
        for number in range(3):
            pen.rectangle((x + number * step, low - (number + 1) * step, x + (number + 1) * step, low), fill=ink)


def main() -> None:
    TARGET.mkdir(exist_ok=True)
    for handle in HANDLES:
        draw(handle).quantize(64).save(TARGET / f"{handle}.png", optimize=True)


if __name__ == "__main__":
    main()
