"""Ten minutes at the queue: by keys alone, several at once, and without script."""

from __future__ import annotations

from playwright.sync_api import expect


def test_by_keys_alone_mo_takes_opens_and_decides_a_case_while_cory_sees_that_he_looks_at_it(someone):
    cory, mo = someone(), someone()
    cory.sign_in("cory")
    cory.goto("/moderation/replies")
    cory.page.get_by_label("What it is for").fill("Recognisable")
    cory.page.get_by_label("The reason, as its author will read it").fill("Somebody could be recognised.")
    cory.page.get_by_role("button", name="Save the reply").click()
    expect(cory.page.get_by_text("Saved. Moderators find it in the queue.")).to_be_visible()

    mo.sign_in("mo")
    mo.goto("/moderation")
    keys, page = mo.page.keyboard, mo.page
    cases = page.locator(".cases > .case")
    waiting, second = cases.count(), cases.nth(1).get_attribute("id")
    keys.press("j")
    keys.press("j")
    expect(cases.nth(1).locator(".case__title a")).to_be_focused()
    keys.press("t")
    expect(cases.nth(1).get_by_role("button", name="I see to it")).to_be_focused()
    keys.press("Enter")
    expect(page.get_by_text("You see to “")).to_be_visible()
    keys.press("?")
    listed = page.get_by_role("dialog", name="Keys")
    expect(listed).to_contain_text("To the button that takes it down")
    assert mo.axe() == []
    keys.press("Escape")

    keys.press("j")
    keys.press("j")
    with page.expect_response("**/look") as looked:
        keys.press("o")
    assert looked.value.status == 204
    expect(page.get_by_role("heading", name="One case")).to_be_visible()
    cory.goto("/moderation")
    case = cory.page.locator(f"#{second}")
    expect(case).to_contain_text("is looking at it now")
    expect(case).to_contain_text("sees to it")

    author = page.locator(".case__facts a").get_attribute("href")
    keys.press("w")
    reason = page.get_by_label("Your reason")
    expect(reason).to_be_focused()
    page.get_by_label("A saved reply").select_option("Recognisable")
    expect(reason).to_have_value("Somebody could be recognised.")
    keys.type(" Please leave the place out.")
    keys.press("Tab")
    keys.press("Enter")  # opens “Also silence or suspend”
    keys.press("Tab")
    expect(page.get_by_label("What", exact=True)).to_be_focused()
    keys.type("Sil")
    keys.press("Tab")
    keys.type("3 days")
    assert mo.axe() == []
    keys.press("Tab")
    expect(page.get_by_role("button", name="Show the post")).to_be_focused()  # it waits until somebody decides
    keys.press("h")
    expect(page.get_by_role("button", name="Hide the post")).to_be_focused()
    keys.press("Enter")
    done = page.get_by_text("Hidden. Its author is told why.")
    expect(done).to_contain_text("is silenced for 3 days, and told so.")
    expect(cases).to_have_count(waiting - 1)
    mo.goto(f"/moderation{author}")
    page.get_by_text("End it now").click()
    page.locator("details[open] textarea[name=because]").fill("It was a slip.")
    page.get_by_role("button", name="End the silence").click()
    expect(page.get_by_text("It has ended.")).to_be_visible()


def test_without_script_cory_checks_two_cases_and_decides_them_with_a_saved_reply(someone):
    cory = someone(script=False, width=320)
    cory.sign_in("cory")
    cory.goto("/moderation/replies")
    cory.page.get_by_label("What it is for").fill("Fine as it is")
    cory.page.get_by_label("The reason, as its author will read it").fill("It may stand.")
    cory.page.get_by_role("button", name="Save the reply").click()
    cory.goto("/moderation")
    cases = cory.page.locator(".cases > .case")
    waiting = cases.count()
    for n in range(2):
        cases.nth(n).get_by_role("checkbox").check()
    together = cory.page.locator(".case--several")
    together.get_by_label("A saved reply").select_option("Fine as it is")
    together.get_by_role("button", name="Keep what is checked").click()
    expect(cory.page.get_by_text("2 cases kept.")).to_be_visible()
    expect(cases).to_have_count(waiting - 2)
    assert cory.sideways() == []
