"""The words in files: read out beside the requests, found by whoever may read them, and no file can hurt the reader."""

from __future__ import annotations

import json
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import pytest

from portal.core import storage
from portal.core.db import db
from portal.core.jobs import Job
from portal.library import file_text, file_text_child, publishing
from portal.library.models import FileText, Tool

CONTENT = Path(__file__).parents[2] / "portal/seeds/content/files"
PDF = "application/pdf"
OFFICE = "application/vnd.openxmlformats-officedocument."
WORD = OFFICE + "wordprocessingml.document"
SHEET = OFFICE + "spreadsheetml.sheet"
SLIDES = OFFICE + "presentationml.presentation"


def pdf(*pages: str) -> bytes:
    """A PDF with a line on each page, as simple as the format allows (ISO 32000-1, 7.5)."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(count))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {count}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for number, words in enumerate(pages):
        drawn = f"BT /F1 12 Tf 72 720 Td ({words}) Tj ET".encode()
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents {5 + 2 * number} 0 R"
            f"/Resources<</Font<</F1 3 0 R>>>>>>".encode()
        )
        objects.append(_stream(drawn))
    return _put_together(objects)


def _stream(content: bytes, more: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(content), more, content)


def _put_together(objects: list[bytes]) -> bytes:
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return out + b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1, table, len(objects) + 1, len(out)
    )  # fmt: skip


def office(**parts: str) -> bytes:
    """An Office file with these parts; "word__document" becomes word/document.xml."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/") + ".xml", content)
    return out.getvalue()


@pytest.fixture
def pages_of(app):
    """What the child reads out of these bytes."""

    def read(content: bytes, media_type: str) -> list[str]:
        with app.app_context():
            return file_text.pages_of(storage.put(BytesIO(content)).key, media_type)

    return read


@pytest.mark.parametrize(
    ("name", "media_type", "words"),
    [
        ("role-card.pdf", PDF, "what its holder answers for"),
        ("role-card.docx", WORD, "what its holder answers for"),
        ("seat-map.xlsx", SHEET, "The practice cannot live without"),
    ],
)
def test_the_words_of_the_starter_files_come_out(pages_of, name: str, media_type: str, words: str):
    assert words in " ".join(pages_of((CONTENT / name).read_bytes(), media_type))


def test_pages_and_slides_come_in_their_order(pages_of):
    assert pages_of(pdf("First page", "Second page"), PDF) == ["First page", "Second page"]
    slides = {f"ppt__slides__slide{n}": f"<s><a:t xmlns:a='x'>Slide {n}</a:t></s>" for n in (10, 2, 1)}
    assert pages_of(office(**slides), SLIDES) == ["Slide 1", "Slide 2", "Slide 10"]


def test_a_heading_set_wide_is_read_as_words_and_a_few_single_letters_stay_apart(pages_of):
    (page,) = pages_of(pdf("P R AC T I C E  F R E E D O M Grades A B C are for schools"), PDF)
    assert page == "PRACTICE FREEDOM Grades A B C are for schools"


def test_alice_finds_a_tool_by_what_stands_in_its_file_and_lena_does_not(browse, people, make, work_off):
    make.tool("Seat map", file="Seat map.pdf", content=pdf("Nothing here", "Whoever holds the zanzibar chair"))
    assert "Seat map" not in browse(people.alice).get("/search?q=zanzibar").text  # nobody waits while it is read
    work_off()
    page = browse(people.alice).get("/search?q=zanzibar").text
    assert "“Seat map.pdf”, page 2" in page
    assert "the <mark>zanzibar</mark> chair" in page
    for other in (browse(), browse(people.lena), browse(people.sam)):
        page = other.get("/search?q=zanzibar").text
        assert "Seat map" not in page
        assert "chair" not in page


def test_only_the_newest_edition_is_found_and_the_same_words_twice_are_shown_once(app, browse, people, make, work_off):
    tool = make.item(
        Tool, "Role card", files={"Role card.pdf": pdf("The mombasa seat"), "Role card (2).pdf": pdf("Mombasa seat")}
    )
    work_off()
    page = browse(people.alice).get("/search?q=mombasa").text
    assert "“Role card.pdf”" in page
    assert "“Role card (2).pdf”" not in page
    make.edition(tool, content=pdf("The nairobi seat"))
    work_off()
    alice = browse(people.alice)
    assert "<mark>nairobi</mark>" in alice.get("/search?q=nairobi").text
    assert "Role card" not in alice.get("/search?q=mombasa").text


def test_reading_a_file_twice_is_reading_it_once(app, make, work_off):
    make.tool(content=pdf("One page"))
    work_off()
    with app.app_context():
        file_id, pages = db.session.query(FileText.file_id, FileText.pages).one()
    with app.app_context():
        publishing.read_file(file_id)
        publishing.read_file(file_id + 1)  # gone meanwhile
    with app.app_context():
        assert db.session.query(FileText.file_id, FileText.pages).one() == (file_id, pages)


def test_half_a_character_that_a_font_maps_to_does_not_keep_a_file_from_being_found(make, browse, people, work_off):
    font = (
        b"begincmap 1 begincodespacerange <00> <FF> endcodespacerange "
        b"2 beginbfchar <41> <D83D> <42> <0000> endbfchar endcmap"
    )
    content = _put_together(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[4 0 R]/Count 1>>",
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 5 0 R/Resources<</Font<</F1 3 0 R>>>>>>",
            _stream(b"BT /F1 12 Tf 72 720 Td (zanzibar A B chair) Tj ET"),
            _stream(font),
        ]
    )
    make.tool("Seat map", file="Seat map.pdf", content=content)
    work_off()
    assert "Seat map" in browse(people.alice).get("/search?q=zanzibar").text


ENDLESS = pdf("x").replace(b"/Kids[4 0 R]", b"/Kids[2 0 R]")  # the tree of pages leads back to itself
BOMB = _put_together(
    [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>",
        _stream(zlib.compress(zlib.compress(bytes(600_000_000), 9), 9), b"/Filter[/FlateDecode/FlateDecode]"),
    ]
)
BILLION = (
    "<!DOCTYPE d [<!ENTITY a 'ha'>"
    + "".join(f"<!ENTITY {new} '{f'&{old};' * 10}'>" for old, new in zip("abcdefghi", "bcdefghij", strict=True))
    + "]><d><t>&j;</t></d>"
)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"", PDF),
        (b"%PDF-1.7 and then nothing", PDF),
        ((CONTENT / "role-card.pdf").read_bytes()[:4000], PDF),
        (ENDLESS, PDF),
        (BOMB, PDF),
        (b"PK\x03\x04 no archive", WORD),
        ((CONTENT / "role-card.docx").read_bytes()[:9000], WORD),
        (office(word__document=BILLION), WORD),
        (office(word__document="<d><t>never closed"), WORD),
        (office(word__other="<d/>"), WORD),
        (office(word__document="<d>" * 200_000), WORD),
        (office(word__document="<d><t>" + "x" * 60_000_000), WORD),
    ],
    ids=[
        "empty",
        "no-pdf",
        "cut-pdf",
        "endless",
        "bomb",
        "no-zip",
        "cut-zip",
        "billion",
        "open",
        "missing",
        "deep",
        "long",
    ],
)
def test_a_broken_or_hostile_file_ends_its_own_process_and_nothing_else(pages_of, content: bytes, media_type: str):
    pages = pages_of(content, media_type)
    assert sum(map(len, pages)) <= file_text_child.LETTERS + file_text_child.LETTERS_A_PAGE


def test_a_reader_that_does_not_come_back_is_ended_and_what_it_read_is_kept(pages_of, monkeypatch):
    monkeypatch.setattr(file_text, "LONGEST", 0.01)
    assert pages_of(pdf("One page"), PDF) == []


def test_the_reader_is_given_no_settings_and_cannot_raise_its_limits(app, tmp_path, monkeypatch):
    spy = tmp_path / "child.py"
    spy.write_text(
        f"import sys; sys.path.insert(0, {str(Path(file_text_child.__file__).parent)!r})\n"
        "import file_text_child as child, json, os, resource\n"
        "child.limit_ourselves()\n"
        "said = [sorted(os.environ), os.getcwd(), os.listdir('/proc/self/fd')]\n"
        "try:\n    resource.setrlimit(resource.RLIMIT_AS, (2**40, 2**40)); said.append('raised')\n"
        "except (ValueError, OSError):\n    said.append('kept')\n"
        "print(json.dumps(json.dumps(said)))\n"
    )
    monkeypatch.setattr(file_text, "_CHILD", spy)
    monkeypatch.setenv("SECRET_KEY", "not for everybody")
    with app.app_context():
        said = file_text.pages_of(storage.put(BytesIO(b"x")).key, PDF)[0]
    names, folder, files, limit = json.loads(said)
    assert not {"SECRET_KEY", "DATABASE_URL"} & set(names)
    assert folder == "/"
    assert len(files) <= 4  # in, out, errors, and the folder being listed
    assert limit == "kept"


def test_a_file_that_cannot_be_read_leaves_a_job_that_is_done(app, make, work_off):
    make.tool(content=ENDLESS)
    work_off()
    with app.app_context():
        assert [text.pages for text in db.session.query(FileText)] == [[]]
        assert {job.state.value for job in db.session.query(Job).filter_by(work="library.read_file")} == {"done"}
