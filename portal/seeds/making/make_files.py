"""Make the printed sheets, forms, workbooks and the cover again: `python make_files.py [name …]`.

README.md beside this says what it needs; speak.py makes the recordings.
The same sources give the same bytes: dates inside the files are fixed, and zip archives are written in order.
"""

import re
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import docx_forms
import typst
import workbooks
from PIL import Image

HERE = Path(__file__).parent
FILES = HERE.parent / "content" / "files"
FIXED = (2026, 9, 1, 8, 0, 0)
FIXED_ISO = b"2026-09-01T08:00:00Z"


def main(wanted: list[str]) -> None:
    FILES.mkdir(exist_ok=True)
    if not wanted:
        picture("cover")
    names = sorted(path.stem for path in (HERE / "sheets").glob("*.typ") if path.stem != "sheet")
    for name in wanted or names:
        print_sheet(name)
        if name in docx_forms.FORMS:
            docx_forms.FORMS[name](FILES / f"{name}.docx")
            settle(FILES / f"{name}.docx")
        if name in workbooks.BOOKS:
            workbooks.BOOKS[name](FILES / f"{name}.xlsx")
            settle(FILES / f"{name}.xlsx")


def print_sheet(name: str) -> None:
    """PDF/UA-1: typst refuses to write a file whose headings, language or title a screen reader would miss."""
    pdf = typst.compile(HERE / "sheets" / f"{name}.typ", format="pdf", pdf_standards=["ua-1"], timestamp=1788249600)
    (FILES / f"{name}.pdf").write_bytes(pdf)


def picture(name: str) -> None:
    """Podcast directories refuse a transparent cover, so the drawing is stored without that channel."""
    png = typst.compile(HERE / "pictures" / f"{name}.typ", format="png", ppi=144)
    if not isinstance(png, bytes):
        raise SystemExit(f"{name} runs over its one page")
    Image.open(BytesIO(png)).convert("RGB").save(FILES / f"{name}.png", optimize=True)


def settle(path: Path) -> None:
    """Write the archive again with fixed times, so that an unchanged form is an unchanged file."""
    with zipfile.ZipFile(path) as old:
        parts = [(name, old.read(name)) for name in old.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in parts:
            if name == "docProps/core.xml":
                data = re.sub(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*", rb"\g<1>" + FIXED_ISO, data)
            entry = zipfile.ZipInfo(name, FIXED)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            new.writestr(entry, data)


if __name__ == "__main__":
    main(sys.argv[1:])
