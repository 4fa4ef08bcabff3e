"""What every form for words offers: a look at how they will stand on the page."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from portal.core import markdown
from portal.core.admission import Audience, admits
from portal.core.errors import Refusal
from portal.core.limits import limiter

bp = Blueprint("writing", __name__)


class TooLongToShow(Refusal):
    message = f"It has more than {markdown.MAX_LENGTH:,} characters, which is more than can be kept."
    status = 422


@bp.post("/preview")
@admits(Audience.SIGNED_IN)
@limiter.limit("120/minute")
def preview() -> str:
    """The words as they would be read; the editor puts the answer below its field. Nothing is kept."""
    return render_template("components/_preview.html", shown=rendered(request.form.get("body", "")))


def rendered(words: str) -> str:
    """The words as HTML. Raises TooLongToShow."""
    if len(words) > markdown.MAX_LENGTH:
        raise TooLongToShow()
    return markdown.render(words)
