"""The control page: the levers of the tests for people."""

from __future__ import annotations

import requests


def _pull(sandbox, lever, **more):
    return requests.post(f"{sandbox.url}/_sandbox/", data={"lever": lever, **more}, timeout=10).text


def test_time_passes_at_the_push_of_a_button(sandbox, shop):
    alice = shop.customer()
    shop.join(alice, subscription_data={"trial_period_days": 14})
    panel = requests.get(f"{sandbox.url}/_sandbox/", timeout=10).text
    assert "next trial" in panel
    before = sandbox.now()
    assert "days ahead of the wall clock" in _pull(sandbox, "advance", seconds="2678400")
    assert sandbox.now() - before >= 2678400
    assert shop.subscription(alice).status == "active"


def test_deliveries_are_held_lost_repeated_and_released(sandbox, client, listener, until):
    listener.secret = sandbox.listen_at(listener.url)
    assert "Held back" in _pull(sandbox, "hold")
    client.v1.customers.create({"email": "a@example.com"})
    client.v1.customers.create({"email": "b@example.com"})
    assert "4 released" in _pull(sandbox, "release", order="shuffled", twice="1")
    until(lambda: len(listener.received) == 4)
    assert "2 queued again" in _pull(sandbox, "duplicate")
    until(lambda: len(listener.received) == 6)
    _pull(sandbox, "hold")
    client.v1.customers.create({"email": "c@example.com"})
    assert "1 lost" in _pull(sandbox, "drop")
    _pull(sandbox, "let go")
    assert sandbox.counts()["dropped"] == 1


def test_the_next_calls_fail_until_disarmed(sandbox):
    assert "Armed: 429, 3 more" in _pull(sandbox, "fail", kind="429", times="3")

    def ask():
        return requests.get(f"{sandbox.url}/v1/customers", auth=("sk_test_x", ""), timeout=10).status_code

    assert ask() == 429
    _pull(sandbox, "heal")
    assert ask() == 200


def test_nonsense_is_refused_with_a_sentence(sandbox):
    def say(path, body):
        return requests.post(f"{sandbox.url}/_sandbox/{path}", json=body, timeout=10)

    assert say("faults", {"kind": "earthquake"}).status_code == 400
    assert say("clock/advance", {"seconds": -5}).status_code == 400
    assert say("deliveries/release", {"order": "sideways"}).status_code == 400
    assert say("settings", {"colour": "blue"}).status_code == 400
    assert say("pay", {"session": "cs_nobody"}).status_code == 404
