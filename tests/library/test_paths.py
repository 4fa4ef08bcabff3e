"""Paths as coaches make them: an order that holds, a moment from which they are seen, an address of their own."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.core.audit import Record
from portal.core.db import db
from portal.library import paths
from portal.library.models import Item, Path, PathStep
from tests.make import again, at_once


def order_of(app, path) -> list[tuple[int, int]]:
    with app.app_context():
        found = select(PathStep.position, PathStep.item_id).where(PathStep.path_id == path.id)
        return [tuple(row) for row in db.session.execute(found.order_by(PathStep.position))]


def test_cory_puts_a_path_in_order_and_in_another_one(app, make):
    one, two, three = (make.tool(f"Tool {number}") for number in (1, 2, 3))
    path = make.path(items=[one, two])
    assert order_of(app, path) == [(1, one.id), (2, two.id)]
    with make._saved():
        paths.put_in_order(again(path), [again(three), again(one), again(two)])
    assert order_of(app, path) == [(1, three.id), (2, one.id), (3, two.id)]
    with make._saved():
        paths.put_in_order(again(path), [])
    assert order_of(app, path) == []


def test_nothing_stands_on_a_path_twice_and_what_was_there_stays(app, make):
    one = make.tool()
    path = make.path(items=[one])
    with pytest.raises(paths.TwiceOnThePath), make._saved():
        paths.put_in_order(again(path), [again(one), again(one)])
    assert order_of(app, path) == [(1, one.id)]


def test_of_eight_orders_at_once_one_stands_whole(app, make):
    tools = [make.tool(f"Tool {number}") for number in range(4)]
    path = make.path(items=tools)
    orders = [tools[turn % 4 :] + tools[: turn % 4] for turn in range(8)]

    def put(number):
        with make._saved():
            paths.put_in_order(again(path), [db.session.get_one(Item, tool.id) for tool in orders[number]])

    assert at_once(8, put) == [None] * 8
    assert [item_id for _, item_id in order_of(app, path)] in [[tool.id for tool in order] for order in orders]


def test_an_empty_path_is_not_put_out_and_what_is_put_out_and_taken_back_is_in_the_log(app, make, people):
    path, tool = make.path(items=[], published=False), make.tool()
    with pytest.raises(paths.NothingOnThePath), make._saved():
        paths.publish(again(path), by=again(people.cory))
    with make._saved():
        paths.put_in_order(again(path), [again(tool)])
        paths.publish(again(path), by=again(people.cory))
        paths.publish(again(path), by=again(people.cory))
        assert again(path).is_published
    with make._saved():
        paths.withdraw(again(path), because="Out of date", by=again(people.cory))
        paths.withdraw(again(path), because="Again", by=again(people.cory))
        assert not again(path).is_published
    with app.app_context():
        told = select(Record.action, Record.by_id, Record.because).where(Record.ref_kind == "path")
        assert [tuple(row) for row in db.session.execute(told.order_by(Record.id))] == [
            ("path.published", people.cory.id, None),
            ("path.withdrawn", people.cory.id, "Out of date"),
        ]


def test_two_paths_of_one_title_have_two_addresses_that_people_can_read(app, make):
    for title in ("Über Führung & Ruhe", "Über Führung & Ruhe", "役割", "x" * 160):
        make.path(title, items=[make.tool()])
    with app.app_context():
        slugs = list(db.session.scalars(select(Path.slug).order_by(Path.id)))
    assert slugs == ["uber-fuhrung-ruhe", "uber-fuhrung-ruhe-2", "path", "x" * 80]
