// @ts-check
/**
 * <reading-mark> around the form "Mark as read up to here": posts that stood on the screen for a moment are reported as
 * read, at most once in five seconds and when the page is left. Without script, or where this fails, the button is there.
 */
class ReadingMark extends HTMLElement {
  connectedCallback() {
    const form = this.querySelector("form");
    if (!form || document.prerendering) return;
    const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
    const number = /** @type {HTMLInputElement} */ (form.elements.namedItem("number"));
    const posts = [...document.querySelectorAll("[data-number]")];
    const last = Number(number.value);
    let seen = 0, sent = 0, timer = 0;
    /** @type {Map<Element, number>} */
    const waiting = new Map();

    const send = async () => {
      clearTimeout(timer);
      timer = 0;
      if (seen <= sent) return;
      const told = seen, before = sent;
      sent = told;
      const body = new FormData(form);
      body.set("number", String(told));
      body.set("quietly", "1");
      try {
        const answer = await fetch(form.action, { method: "POST", body, keepalive: true });
        if (answer.status !== 204) throw new Error(String(answer.status));
        if (told >= last) button.hidden = true;
        document.dispatchEvent(new CustomEvent("portal:read"));
      } catch {
        sent = before;
      }
    };

    const watcher = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        clearTimeout(waiting.get(target));
        if (!isIntersecting) continue;
        waiting.set(target, window.setTimeout(() => {
          if (document.visibilityState !== "visible") return;
          seen = Math.max(seen, Number(/** @type {HTMLElement} */ (target).dataset.number));
          watcher.unobserve(target);
          timer ||= window.setTimeout(send, seen >= last ? 200 : 5000);
        }, 800));
      }
    }, { rootMargin: "0px 0px -15% 0px" });
    for (const post of posts) watcher.observe(post);
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && send());
    window.addEventListener("pagehide", send);
  }
}
customElements.define("reading-mark", ReadingMark);
