"""The words of one file, for portal/library/file_text.py: `python -I file_text_child.py <media type> < file > lines`.

It runs as a process of its own, because a file that somebody made to do harm is read here: memory, time, output and the
number of open files are limited, it is given no settings and no secrets, and it writes one JSON line a page. What it
stumbles over ends it; the lines so far are what can be found of the file.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import zipfile
from collections.abc import Callable, Iterator
from typing import IO
from xml.parsers import expat

MEMORY = 768 * 1024 * 1024
SECONDS = 30  # of processor time
OUTPUT = 2 * 1024 * 1024
PAGES, LETTERS_A_PAGE, LETTERS = 500, 20_000, 300_000
_XML = 24 * 1024 * 1024  # bytes of one part, unpacked
_PARTS = 200  # slides, sheets
_CHUNK = 64 * 1024
_SET_WIDE = re.compile(r"(?<!\S)[A-ZÀ-Þ]{1,2}(?: [A-ZÀ-Þ]{1,2}){4,}(?!\S)")  # a heading with air: "P R AC T I C E"


def main(media_type: str, file: IO[bytes]) -> None:
    letters = 0
    for number, page in enumerate(_READERS[media_type](file), start=1):
        # Half a character and NUL are what a font may map to, and what no database keeps.
        page = page[:LETTERS_A_PAGE].encode("utf-8", "ignore").decode().replace("\0", " ")
        page = _SET_WIDE.sub(lambda heading: heading[0].replace(" ", ""), page)
        words = " ".join(page.split())
        letters += len(words)
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()
        if number >= PAGES or letters >= LETTERS:
            return


def limit_ourselves() -> None:
    """Set before the first byte of the file is read, and no process can raise them again."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, OUTPUT),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def _pdf(file: IO[bytes]) -> Iterator[str]:
    from pypdf import PdfReader

    for page in PdfReader(file).pages:
        yield page.extract_text()


def _word(file: IO[bytes]) -> Iterator[str]:
    with zipfile.ZipFile(file) as archive:
        yield _text_in(archive, "word/document.xml", {"t"}, breaks={"p", "br", "tab", "tc"})


def _excel(file: IO[bytes]) -> Iterator[str]:
    """The words in its cells; numbers tell nobody what a sheet is about."""
    with zipfile.ZipFile(file) as archive:
        for name in _numbered(archive, r"xl/sharedStrings\.xml|xl/worksheets/sheet\d+\.xml"):
            yield _text_in(archive, name, {"t"}, breaks={"si", "is", "c"})


def _powerpoint(file: IO[bytes]) -> Iterator[str]:
    with zipfile.ZipFile(file) as archive:
        for name in _numbered(archive, r"ppt/slides/slide\d+\.xml"):
            yield _text_in(archive, name, {"t"}, breaks={"p", "br"})


_READERS: dict[str, Callable[[IO[bytes]], Iterator[str]]] = {
    "application/pdf": _pdf,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": _word,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": _excel,
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": _powerpoint,
}


def _numbered(archive: zipfile.ZipFile, pattern: str) -> list[str]:
    """The parts of that name, slide 2 before slide 10."""
    names = [name for name in archive.namelist() if re.fullmatch(pattern, name)]
    return sorted(names, key=lambda name: (len(name), name))[:_PARTS]


def _text_in(archive: zipfile.ZipFile, name: str, spoken: set[str], *, breaks: set[str]) -> str:
    """What stands in these elements of one part (ECMA-376 uses the same few names in all three kinds of file)."""
    said: list[str] = []
    inside = 0

    def begin(tag: str, _attributes: object) -> None:
        nonlocal inside
        inside += _local(tag) in spoken

    def end(tag: str) -> None:
        nonlocal inside
        inside -= _local(tag) in spoken
        if _local(tag) in breaks:
            said.append("\n")

    def words(text: str) -> None:
        if inside:
            said.append(text)

    def refuse(*_: object) -> None:
        raise ValueError("no Office file declares entities of its own")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, words
    parser.StartDoctypeDeclHandler = refuse
    left = _XML
    with archive.open(name) as part:
        while left > 0 and (chunk := part.read(min(_CHUNK, left))):
            parser.Parse(chunk)
            left -= len(chunk)
    return "".join(said)


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


if __name__ == "__main__":
    limit_ourselves()
    main(sys.argv[1], sys.stdin.buffer)
