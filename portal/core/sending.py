"""A stored file leaves: with ranges and a name, to whoever the view has let in.

The bytes go out through the server's own sendfile where there is one, or through nginx (SENDFILE=x-accel) after our
check; from a store beyond the network by a link of its own that opens for minutes.
"""

from __future__ import annotations

import unicodedata
from typing import IO, Any, Protocol
from urllib.parse import quote

from flask import Response, current_app, request
from werkzeug.http import dump_options_header, parse_range_header
from werkzeug.utils import redirect, send_file
from werkzeug.wsgi import FileWrapper

from portal.core import storage
from portal.core.headers import keep_no_copy
from portal.core.storage import Wish

ACCEL_PREFIX = "/stored/"  # the internal location of deploy/nginx.conf
_LINK_OPENS, _LINK_PLAYS = 5 * 60, 3 * 60 * 60  # seconds, of a link to a store beyond the network
_CHUNK = 256 * 1024


class Sendable(Protocol):
    """What sending a file needs to know of it."""

    @property
    def name(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def storage_key(self) -> str: ...


def send(file: Sendable, *, inline: bool = False) -> Response:
    """The bytes or the part asked for; 304 where the reader has them already, 416 for a part beyond the end."""
    if (link := _link(file, inline=inline)) is not None:
        return _lead_to(link)
    if current_app.config["SENDFILE"] == "x-accel":
        response = _leave_to_nginx(file, inline=inline)
    else:
        response = send_file(  # type: ignore[assignment]  # made of response_class, which mypy cannot know
            storage.path_of(file.storage_key),
            _environ(),
            mimetype=file.media_type,
            as_attachment=not inline,
            download_name=file.name,
            conditional=True,
            etag=file.sha256,
            response_class=current_app.response_class,
        )
    response.cache_control.private = True
    response.cache_control.no_cache = True
    return response


def name_it(response: Response, name: str, *, inline: bool = False) -> None:
    """What the file is called where it is saved, in any script (RFC 6266)."""
    response.headers["Content-Disposition"] = _named(name, inline=inline)


def _environ() -> dict[str, Any]:
    """The request as send_file should see it.

    For a part of a file it gets a wrapper that can seek: the servers' own read from the start and throw away. What is
    no range, or several of them, is answered with the whole file, as RFC 9110 14.2 allows.
    """
    if "Range" not in request.headers:
        return request.environ
    wanted = parse_range_header(request.headers["Range"])
    if wanted is None or wanted.units != "bytes" or len(wanted.ranges) != 1:
        return {name: value for name, value in request.environ.items() if name != "HTTP_RANGE"}
    return request.environ | {"wsgi.file_wrapper": _in_chunks}


def _in_chunks(file: IO[bytes], _size: int = 0) -> FileWrapper:
    return FileWrapper(file, _CHUNK)


def _leave_to_nginx(file: Sendable, *, inline: bool) -> Response:
    """nginx finds the file itself, and answers ranges and conditions; a Content-Length of ours would be wrong then."""
    response = current_app.response_class(mimetype=file.media_type)
    response.headers["X-Accel-Redirect"] = f"{ACCEL_PREFIX}{file.storage_key[:2]}/{file.storage_key}"
    name_it(response, file.name, inline=inline)
    response.headers.pop("Content-Length", None)
    return response


def _link(file: Sendable, *, inline: bool) -> str | None:
    """The store's own link, for as long as one needs to begin; a player comes back for parts while it plays."""
    seconds = _LINK_PLAYS if inline else _LINK_OPENS
    named = _named(file.name, inline=inline)
    return storage.link(file.storage_key, Wish(file.media_type, named, seconds, only_head=request.method == "HEAD"))


def _lead_to(link: str) -> Response:
    """The next request comes here and is asked again: nobody keeps where it led this time."""
    response: Response = redirect(link, 302, Response=current_app.response_class)  # type: ignore[assignment]  # ours
    keep_no_copy(response)
    return response


def _named(name: str, *, inline: bool) -> str:
    names = {"filename": name}
    if not name.isascii():
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        names = {"filename": plain, "filename*": f"UTF-8''{quote(name, safe='')}"}
    return dump_options_header("inline" if inline else "attachment", names)
