"""Storage keeps a file whole or not at all, under a key nobody can guess or bend."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

import pytest

from portal.core import storage


def test_a_file_comes_back_byte_by_byte(app):
    content = bytes(range(256)) * 9000  # more than one chunk
    with app.app_context():
        kept = storage.put(BytesIO(content))
        assert storage.path_of(kept.key).read_bytes() == content
    assert kept.size == len(content)
    assert kept.sha256 == hashlib.sha256(content).hexdigest()


def test_the_same_file_twice_lies_there_twice_under_keys_of_128_bits(app):
    with app.app_context():
        first, second = storage.put(BytesIO(b"x")), storage.put(BytesIO(b"x"))
    assert first.key != second.key
    assert len(first.key) == 32


def test_a_broken_upload_leaves_nothing_behind(app):
    class Breaks(BytesIO):
        def read(self, size=-1):
            if self.tell() > 0:
                raise OSError("connection lost")
            return super().read(10)

    with app.app_context():
        folder = Path(app.config["STORAGE_DIR"])
        before = {p for p in folder.rglob("*") if p.is_file()}
        with pytest.raises(OSError, match="connection lost"):
            storage.put(Breaks(b"y" * 100))
        assert {p for p in folder.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize(
    "key", ["", "../../etc/passwd", "a" * 31, "A" * 32, "g" * 32, "/" * 32, "a" * 30 + "..", "٣" * 32]
)
def test_only_keys_of_ours_lead_anywhere(app, key):
    with app.app_context(), pytest.raises(ValueError, match="not a storage key"):
        storage.path_of(key)
