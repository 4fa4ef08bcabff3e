"""QR codes as one path of an SVG, which the policy of our pages allows and every template can colour."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """What a camera reads: the path of the dark squares, and the width of the whole in squares."""

    path: str
    width: int


def code_of(text: str) -> Code:
    """The code of an address, with the quiet margin that cameras need."""
    import segno  # only the pages that show one need it

    rows = [list(row) for row in segno.make(text, error="m", micro=False).matrix_iter(border=4)]
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    return Code(path, len(rows))
