"""What somebody types to break a thread: nothing of it runs or is fetched, nothing sticks out, and others read on."""

from __future__ import annotations

from playwright.sync_api import expect

from portal.core import markdown

WORDS = {
    "scripts": "<script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">"
    "<svg/onload=\"document.title='broken'\">",
    "links": "[go](javascript:document.title='broken') [go](data:text/html,<script>alert(1)</script>) "
    "<javascript:alert(1)> [go](java&#10;script:alert(1)) [x](vbscript:x) ![x](https://evil.example/pixel.gif)",
    "autolinks": "http://" + "a" * 6000 + " " + "http://a.b/c " * 300,
    "long words": "W" * 6000 + "\n\n`" + "c" * 3000 + "`\n\n```\n" + "x" * 3000 + "\n```\n\n" + "# " + "H" * 500,
    "a wide table": "|" + "a|" * 120 + "\n|" + "-|" * 120 + "\n|" + "cell|" * 120,
    "echoes": "[x]: http://e.example/" + "a" * 9000 + "\n\n" + "[x]" * 3600,
    "nesting": "> " * 9999 + "x",
    "lists": "- " * 3000 + "deep",
    "brackets": "[" * 19_900,
    "entities": "&amp;&#x1F600;&#x202e;&CounterClockwiseContourIntegral;" * 300,
    "bidi": "pay \u202e00001\u2066\u2067 now " * 200,
    "zalgo": ("Z" + "\u0317\u0354\u0362\u0300" * 40 + " ") * 100,
}


def test_hostile_words_run_nothing_break_nothing_and_are_read_at_320_pixels(someone):
    alice = someone(width=320)
    alice.sign_in("alice")
    page = alice.page
    alice.goto("/rooms/introductions/threads/new")
    page.get_by_label("Title").fill("W" * 80 + " \u202etxet<script>")
    page.locator("textarea[name=body]").fill("Begin.")
    page.get_by_role("button", name="Start the thread").click()
    expect(page.get_by_role("heading", level=2, name="Reply")).to_be_visible()
    thread = page.url.split("#")[0].split("?")[0]
    token = page.locator("form.writing input[name=csrf_token]").input_value()
    for name, words in WORDS.items():
        answer = page.request.post(
            f"{thread}/posts", form={"body": f"{name}\n\n{words}"[: markdown.MAX_LENGTH], "csrf_token": token}
        )
        assert answer.status == 200, name
    for body, status in (("x" * 20_001, 422), ("[" * 1_000_000, 413)):
        refused = page.request.post(f"{thread}/posts", form={"body": body, "csrf_token": token})
        assert refused.status == status

    fetched: list[str] = []
    page.on("request", lambda sent: fetched.append(sent.url))
    page.on("dialog", lambda dialog: alice.complaints.append(f"dialog: {dialog.message}"))
    alice.goto(f"{thread}?page=1")
    expect(page.locator(".post")).to_have_count(1 + len(WORDS))
    assert page.title().startswith("W" * 80)
    assert not [url for url in fetched if "evil" in url or "e.example" in url]
    assert len(page.content()) < 2_000_000
    assert alice.sideways() == []
    heights = page.locator(".post").evaluate_all("all => all.map(each => each.getBoundingClientRect().top)")
    assert heights == sorted(heights)
    hrefs = page.locator(".post__body a[href]").evaluate_all("all => all.map(each => each.getAttribute('href'))")
    assert hrefs
    assert [href for href in hrefs if not href.startswith(("http://", "https://", "mailto:"))] == []
    page.locator("textarea[name=body]").fill("I read on.")
    page.get_by_role("button", name="Post the reply").click()
    expect(page.get_by_text("I read on.", exact=True)).to_be_visible()
