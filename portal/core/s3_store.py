"""Files in an S3-compatible store. boto3 is loaded at the first use, and only where STORAGE_URL asks for it.

What is put appears whole, as S3 does it; what is looked into is fetched into a nameless file first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO

from config import S3Place, s3_place
from portal.core.errors import Unavailable
from portal.core.storage import Stored, Wish

_PART = 8 * 1024 * 1024  # bytes in memory at a time


class StoreIsAway(Unavailable):
    message = "The place where files are kept does not answer just now. Nothing is lost; try again in a minute."


class S3Store:
    """A bucket, or the part of one under a prefix. Credentials come as boto3 finds them (AWS_ACCESS_KEY_ID …)."""

    def __init__(self, url: str, *, spool: Path) -> None:
        self.place: S3Place = s3_place(url)
        self.spool = spool

    def put(self, key: str, stream: IO[bytes]) -> Stored:
        read = _Read(stream)
        with _away():
            self._client.upload_fileobj(read, self.place.bucket, self._name(key), Config=self._one_part_at_a_time)
        return Stored(key, read.size, read.digest.hexdigest())

    @contextmanager
    def opened(self, key: str) -> Iterator[BinaryIO]:
        self.spool.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=self.spool) as file:
            with _away():
                self._client.download_fileobj(self.place.bucket, self._name(key), file, Config=self._one_part_at_a_time)
            file.seek(0)
            yield file

    def remove(self, key: str) -> None:
        with _away():
            self._client.delete_object(Bucket=self.place.bucket, Key=self._name(key))

    def names(self, before: datetime) -> Iterator[str]:
        with _away():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.place.bucket, Prefix=self.place.prefix
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    if found["LastModified"] < before:
                        yield found["Key"].removeprefix(self.place.prefix)

    def remove_parts(self, before: datetime) -> None:
        with _away():
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self.place.bucket, Prefix=self.place.prefix
            )
            for page in pages:
                for begun in page.get("Uploads", ()):
                    if begun["Initiated"] < before:
                        self._client.abort_multipart_upload(
                            Bucket=self.place.bucket, Key=begun["Key"], UploadId=begun["UploadId"]
                        )

    def link(self, key: str, wish: Wish) -> str | None:
        """Signed here, without a word to the store."""
        address: str = self._client.generate_presigned_url(
            "head_object" if wish.only_head else "get_object",
            Params={
                "Bucket": self.place.bucket,
                "Key": self._name(key),
                "ResponseContentType": wish.media_type,
                "ResponseContentDisposition": wish.disposition,
                "ResponseCacheControl": "private, no-store",
            },
            ExpiresIn=wish.seconds,
        )
        return address

    def _name(self, key: str) -> str:
        return self.place.prefix + key

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.place.endpoint,
            region_name=self.place.region,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path" if self.place.is_path_style else "virtual"},
                connect_timeout=5,
                read_timeout=30,
                retries={"total_max_attempts": 3, "mode": "standard"},
                # Sums beside the bytes are newer than many stores; our own SHA-256 stands in the row.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    @cached_property
    def _one_part_at_a_time(self) -> Any:
        from boto3.s3.transfer import TransferConfig

        return TransferConfig(use_threads=False, multipart_chunksize=_PART, multipart_threshold=_PART)


class _Read:
    """A stream that is read once, and what it was."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.size, self.digest = 0, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self.size += len(chunk)
        self.digest.update(chunk)
        return chunk


@contextmanager
def _away() -> Iterator[None]:
    """What S3 says, in words of ours."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in {"404", "NoSuchKey"}:
            raise FileNotFoundError("no such file in the store") from None
        raise StoreIsAway() from error
    except (BotoCoreError, Boto3Error) as error:
        raise StoreIsAway() from error
