"""Templates write out what Jinja's own escaping would, whatever they are given."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup, escape


class Knows:
    """Something that knows its own HTML."""

    def __html__(self) -> str:
        return "<i>known</i>"


class Louder(Markup):
    """Markup and something more."""


@pytest.mark.parametrize(
    "value",
    ["<b>&\"'</b>", "plain", "", 7, -1, True, None, 2.5, Markup("<b>"), Louder("<b>"), Knows(), ["<b>"], {"<a>": "&"}],
    ids=repr,
)
def test_a_value_is_written_as_escape_has_it(app, value):
    template = app.jinja_env.from_string("{{ value }}|{% if true %}{{ value }}{% endif %}")
    assert template.render(value=value) == f"{escape(value)}|{escape(value)}"


def test_a_macro_and_what_calls_it_are_escaped_once(app):
    text = "{% macro said(words) %}<q>{{ words }}</q>{% endmacro %}{{ said(words) }}{{ '<' ~ words }}"
    assert app.jinja_env.from_string(text).render(words="<b>") == "<q>&lt;b&gt;</q>&lt;&lt;b&gt;"


def test_what_is_not_there_is_an_error_and_not_nothing(app):
    with pytest.raises(UndefinedError):
        app.jinja_env.from_string("{{ nobody }}").render()


def test_an_icon_is_drawn_once_and_escapes_its_label(app):
    text = '{% from "components/icon.html" import icon %}{{ icon("bell", label="<b>") }}{{ icon("bell", label="<b>") }}'
    with app.test_request_context():
        drawn = app.jinja_env.from_string(text).render()
    assert drawn.count('aria-label="&lt;b&gt;"') == 2
    assert "<b>" not in drawn
