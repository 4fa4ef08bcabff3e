"""Cory makes a path at the desk: begins it, orders it, puts it out, takes it back."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from portal.core.audit import Record
from portal.core.db import db
from portal.library.models import Path
from tests.library.test_views import titles

WORDS = {"title": "After the promotion", "summary": "For whoever promoted a star."}


@pytest.fixture
def cory(browse, people):
    return browse(people.cory)


def on_it(browser, at: str) -> list[str]:
    return re.findall(r'<label for="place-\d+">([^<]+?) <span', browser.get(at).text)


def test_cory_begins_orders_publishes_and_withdraws_a_path(app, browse, people, make, cory):
    one, two, three = (make.tool(f"Tool {number}") for number in (1, 2, 3))
    assert "No path yet" in cory.get("/desk/library/paths").text
    at = cory.post("/desk/library/paths", data=dict(WORDS)).location
    for tool in (one, two, three):
        cory.post(f"{at}/steps", data=places(cory, at) | {"add": str(tool.id)})
    assert on_it(cory, at) == ["Tool 1", "Tool 2", "Tool 3"]
    cory.post(f"{at}/steps", data={f"place-{one.id}": "3", f"place-{two.id}": "", f"place-{three.id}": "1"})
    assert on_it(cory, at) == ["Tool 3", "Tool 1"]
    alice = browse(people.alice)
    assert alice.get("/paths/after-the-promotion").status_code == 404
    assert cory.post(f"{at}/publication").location == at
    assert titles(alice.get("/paths/after-the-promotion")) == ["Tool 3", "Tool 1"]
    cory.post(at, data={"title": "After a promotion", "summary": "In other words."})
    assert "In other words." in alice.get("/paths/after-the-promotion").text
    assert cory.post(f"{at}/withdrawal", data={"because": ""}).status_code == 422
    cory.post(f"{at}/withdrawal", data={"because": "Out of date"})
    assert alice.get("/paths/after-the-promotion").status_code == 404
    with app.app_context():
        told = db.session.scalars(select(Record.action).where(Record.ref_kind == "path").order_by(Record.id))
        assert list(told) == ["path.published", "path.withdrawn"]


def places(browser, at: str) -> dict[str, str]:
    return dict(re.findall(r'name="(place-\d+)" value="(\d+)"', browser.get(at).text))


def test_a_path_without_anything_on_it_is_not_put_out(cory, browse, people):
    at = cory.post("/desk/library/paths", data=dict(WORDS)).location
    answer = cory.post(f"{at}/publication")
    assert answer.status_code == 409
    assert "Put something on the path first" in answer.text


@pytest.mark.parametrize("typed", [{"title": "", "summary": "x"}, {"title": "x" * 161, "summary": "x"}, {"title": "x"}])
def test_what_is_missing_is_said_beside_its_field_and_what_was_typed_stays(app, cory, typed):
    answer = cory.post("/desk/library/paths", data=dict(typed))
    assert answer.status_code == 422
    assert "error-summary" in answer.text
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Path)) == 0


@pytest.mark.parametrize("nonsense", [{"add": "x"}, {"add": "99999"}, {"place-1": "one"}, {"add": "1" * 40}, {}])
def test_nonsense_in_the_order_only_takes_off_what_has_no_number(cory, make, nonsense):
    path = make.path(items=[make.tool()])
    at = f"/desk/library/paths/{path.id}"
    assert cory.post(f"{at}/steps", data=dict(nonsense)).status_code == 303
    assert on_it(cory, at) == []


def test_an_item_that_stands_on_it_already_is_not_put_there_twice(cory, make):
    tool = make.tool("Role card")
    at = f"/desk/library/paths/{make.path(items=[tool]).id}"
    cory.post(f"{at}/steps", data={f"place-{tool.id}": "1", "add": str(tool.id)})
    assert on_it(cory, at) == ["Role card"]


def test_the_list_costs_the_same_for_two_as_for_twenty(cory, make, count_queries):
    tool = make.tool()

    def cost():
        cory.get("/desk/library/paths")
        with count_queries() as queries:
            cory.get("/desk/library/paths")
        return len(queries)

    for number in range(2):
        make.path(f"Path {number}", items=[tool])
    few = cost()
    for number in range(18):
        make.path(f"More {number}", items=[tool])
    assert cost() == few <= 8
