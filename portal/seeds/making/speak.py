"""Read the scripts aloud: `python speak.py [slug …]` makes each episode's MP3, transcript and chapter times.

A script is text: `= ` begins a chapter, `Name: ` begins a paragraph by that speaker. Every sentence is
spoken on its own, so that its length is known and the transcript's times are the recording's times, not an estimate.

Needs flite, ffmpeg and libmp3lame (Debian: flite ffmpeg). The voices are flite's own, built into the program.
"""

import re
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CONTENT = HERE.parent / "content"
VOICES = {"Cory": "rms", "Olga": "slt", "Grace": "slt"}
FULL_NAMES = {"Cory": "Cory Whitfield", "Olga": "Olga Brandt", "Grace": "Grace Adeyemi"}
RATE = 16000
OPENING, SENTENCE_PAUSE, TURN_PAUSE, CHAPTER_PAUSE = 3.2, 0.28, 0.55, 1.1


@dataclass
class Line:
    speaker: str
    words: str
    chapter: str | None  # the chapter this line opens, if it opens one
    pause: float  # seconds of silence before it


def main(wanted: list[str]) -> None:
    for script in sorted((HERE / "scripts").glob("*.txt")):
        if not wanted or script.stem in wanted:
            speak(script)


def speak(script: Path) -> None:
    page = CONTENT / "episodes" / f"{script.stem}.md"
    front = page.read_text()
    audio = CONTENT / field(front, "audio")
    at, cues, chapters = OPENING, ["WEBVTT"], []
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        parts = [chord(room / "open.wav", OPENING)]
        for number, line in enumerate(lines_of(script.read_text())):
            parts.append(silence(room / f"{number}-pause.wav", line.pause))
            spoken = say(room / f"{number}.wav", line)
            parts.append(spoken)
            at += length(parts[-2])
            if line.chapter:
                chapters.append(("0:00" if not chapters else minutes(at), line.chapter))
            cues.append(
                f"{stamp(at)} --> {stamp(at + length(spoken))}\n<v {FULL_NAMES[line.speaker]}>{typeset(line.words)}"
            )
            at += length(spoken)
        parts.append(chord(room / "close.wav", OPENING))
        encode(parts, room, audio, title=field(front, "title"), number=field(front, "number"))
    page.with_suffix(".vtt").write_text("\n\n".join(cues) + "\n")
    listed = "".join(f'  - {{at: "{when}", title: "{what}"}}\n' for when, what in chapters)
    page.write_text(re.sub(r"^chapters:.*\n(?:  - .*\n)*", f"chapters:\n{listed}", front, flags=re.MULTILINE))
    sys.stdout.write(f"{script.stem}: {minutes(at)}, {audio.stat().st_size // 1024} kB\n")


def lines_of(script: str) -> Iterator[Line]:
    chapter: str | None = None
    for paragraph in filter(None, script.splitlines()):
        if paragraph.startswith("= "):
            chapter = paragraph.removeprefix("= ")
            continue
        speaker, words = paragraph.split(": ", 1)
        pause = CHAPTER_PAUSE if chapter else TURN_PAUSE
        for sentence in re.split(r"(?<=[.?!]) +", words):
            yield Line(speaker, sentence, chapter, pause)
            chapter, pause = None, SENTENCE_PAUSE


def say(to: Path, line: Line) -> Path:
    run("flite", "-voice", VOICES[line.speaker], "--setf", "duration_stretch=1.06", "-t", line.words, "-o", str(to))
    return to


def silence(to: Path, seconds: float) -> Path:
    with wave.open(str(to), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(b"\0\0" * int(seconds * RATE))
    return to


def chord(to: Path, seconds: float) -> Path:
    """Three soft notes, so that the ear knows where the program begins and ends."""
    notes = "+".join(
        f"0.06*sin(2*PI*{pitch}*t)*exp(-1.5*max(t-{late}\\,0))*gt(t\\,{late})"
        for pitch, late in ((220, 0.0), (277.2, 0.25), (329.6, 0.5))
    )
    shape = f"aevalsrc={notes}:s={RATE}:d={seconds},afade=t=in:d=0.05,afade=t=out:st={seconds - 0.8}:d=0.8"
    run("ffmpeg", "-loglevel", "error", "-y", "-f", "lavfi", "-i", shape, "-ac", "1", "-sample_fmt", "s16", str(to))
    return to


def encode(parts: list[Path], room: Path, to: Path, *, title: str, number: str) -> None:
    listed = room / "parts.txt"
    listed.write_text("".join(f"file '{part}'\n" for part in parts))
    tags = {"title": title, "artist": "Practice Freedom", "album": "Practice Freedom", "track": number}
    tags |= {"date": "2026", "genre": "Podcast"}
    sound = "highpass=f=60,acompressor=threshold=-20dB:ratio=2.5:attack=8:release=120,loudnorm=I=-17:TP=-2:LRA=9"
    run(
        *("ffmpeg", "-loglevel", "error", "-y", "-f", "concat", "-safe", "0", "-i", str(listed), "-af", sound),
        *("-ar", "24000", "-ac", "1", "-codec:a", "libmp3lame", "-b:a", "48k", "-fflags", "+bitexact"),
        *("-id3v2_version", "3", *(word for tag in tags.items() for word in ("-metadata", "=".join(tag)))),
        str(to),
    )


def typeset(words: str) -> str:
    """The voice wants plain quotes, the reader curly ones."""
    return words.replace("'", "’")


def field(front: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.+)$", front, re.MULTILINE)
    if found is None:
        raise SystemExit(f"the episode's page has no “{name}”")
    return found[1].strip().strip('"')


def length(part: Path) -> float:
    with wave.open(str(part)) as sound:
        return sound.getnframes() / sound.getframerate()


def stamp(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{int(seconds % 1 * 1000):03}"


def minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    main(sys.argv[1:])
