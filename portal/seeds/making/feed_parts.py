"""What comes with every private feed: the picture of the podcast, and the notice that is heard while one is paused.

    .venv/bin/python -m portal.seeds.making.feed_parts

The picture names nobody and the voice no program, so that both fit whatever the owner calls theirs. The voice needs
what speak.py needs (Debian: flite ffmpeg).
"""

import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

from portal.seeds.making.speak import (
    OPENING,
    SENTENCE_PAUSE,
    Line,
    chord,
    encode,
    say,
    silence,
)

TARGET = Path(__file__).parents[2] / "library" / "feed"
SIDE = 1400  # pixels; podcast apps want a square of 1400 to 3000
_DRAWN_AT = SIDE * 2  # and made smaller, so that curves are smooth
_PAPER, _INK, _GREEN, _SAND = "#f3ead8", "#18221d", "#1d5a43", "#e6d6b8"
_SPOKEN = (
    "Hello. This is a short notice in place of the episodes.",
    "Your private feed is paused at the moment, and nothing of it is lost.",
    "Please keep it in your app.",
    "As soon as your membership is open again, all episodes come back by themselves, at this same address.",
    "The notes of this episode say how things stand, and where to look.",
    "Thank you for listening. Take good care of yourself, and of your practice.",
)


def main() -> None:
    TARGET.mkdir(exist_ok=True)
    draw(TARGET / "artwork.jpg")
    speak(TARGET / "paused.mp3")


def draw(to: Path) -> None:
    """The mark of the portal: a frame with one side open, somebody outside it, and the waves of a voice."""
    picture = Image.new("RGB", (_DRAWN_AT, _DRAWN_AT), _PAPER)
    pen = ImageDraw.Draw(picture)
    unit = _DRAWN_AT / 28
    centre = (21.5 * unit, 6.5 * unit)
    for radius in (22, 17.5, 13, 8.5):
        reach = radius * unit
        box = (centre[0] - reach, centre[1] - reach, centre[0] + reach, centre[1] + reach)
        pen.ellipse(box, outline=_SAND, width=round(unit * 0.55))
    frame = [(15, 5.2), (5.2, 5.2), (5.2, 22.8), (22.8, 22.8), (22.8, 13)]
    pen.line([(x * unit, y * unit) for x, y in frame], fill=_INK, width=round(unit * 1.5), joint="curve")
    for x, y in (frame[0], frame[-1]):
        half = unit * 0.75
        pen.ellipse((x * unit - half, y * unit - half, x * unit + half, y * unit + half), fill=_INK)
    reach = 3.4 * unit
    pen.ellipse((centre[0] - reach, centre[1] - reach, centre[0] + reach, centre[1] + reach), fill=_GREEN)
    smaller = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    smaller.save(to, "JPEG", quality=86, optimize=True, progressive=True)


def speak(to: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        parts = [chord(room / "open.wav", OPENING)]
        for number, words in enumerate(_SPOKEN):
            parts.append(silence(room / f"{number}-pause.wav", SENTENCE_PAUSE))
            parts.append(say(room / f"{number}.wav", Line("Grace", words, None, SENTENCE_PAUSE)))
        parts.append(chord(room / "close.wav", OPENING))
        encode(parts, room, to, title="Your private feed is paused", number="0")


if __name__ == "__main__":
    main()
