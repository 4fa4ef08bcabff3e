// @ts-check
/**
 * <unread-count> beside "Rooms": how many posts are unread, and beside the bell how many entries of the inbox, asked for
 * when somebody comes back to the page and now and then while it is open, less often as long as nothing changes, never
 * while it is hidden. The browser asks with the ETag it has, so that "nothing changed" costs a line.
 */
const KEPT = "unread";
const OFTEN = 60_000, SELDOM = 600_000, FRESH = 20_000, SOON = 2_500;

class UnreadCount extends HTMLElement {
  connectedCallback() {
    this.pause = OFTEN;
    this.before = sessionStorage.getItem(KEPT) ?? "";
    this.asked = Number(sessionStorage.getItem(KEPT + "-at"));
    if (this.before) this.show(JSON.parse(this.before), false);
    if (Date.now() - this.asked <= FRESH) this.wait();
    else if (document.querySelector("reading-mark")) this.wait(SOON); // what is read here changes the count: once is enough
    else this.ask();
    const back = () => document.visibilityState === "visible" && this.ask();
    document.addEventListener("visibilitychange", back);
    window.addEventListener("focus", back);
    window.addEventListener("pageshow", (event) => event.persisted && this.ask());
    document.addEventListener("portal:read", () => this.ask());
  }

  async ask() {
    if (document.visibilityState !== "visible" || Date.now() - (this.last ?? 0) < 1000) return;
    this.last = Date.now();
    try {
      const answer = await fetch("/unread", { headers: { Accept: "application/json" }, redirect: "manual" });
      if (answer.ok) {
        const text = await answer.text();
        this.pause = text === this.before ? Math.min(this.pause * 2, SELDOM) : OFTEN;
        this.before = text;
        sessionStorage.setItem(KEPT, text);
        sessionStorage.setItem(KEPT + "-at", String(Date.now()));
        this.show(JSON.parse(text), true);
      }
    } catch { /* away for the moment: what stands there stays */ }
    this.wait();
  }

  /** @param {number} [pause] in milliseconds */
  wait(pause = this.pause) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), pause);
  }

  /** @param {{ rooms: string, by_room: Record<string, string>, inbox?: string }} counts @param {boolean} lists  whether lists are told too */
  show(counts, lists) {
    const some = counts.rooms !== "0";
    this.replaceChildren();
    if (some) {
      const figure = document.createElement("span");
      figure.className = "nav__count";
      figure.textContent = counts.rooms;
      const words = document.createElement("span");
      words.className = "visually-hidden";
      words.textContent = " new";
      this.append(figure, words);
    }
    for (const mark of document.querySelectorAll("[data-unread-inbox]")) {
      const none = (counts.inbox ?? "0") === "0";
      /** @type {HTMLElement} */ (mark).hidden = none;
      mark.textContent = none ? "" : counts.inbox ?? "";
    }
    for (const mark of lists ? document.querySelectorAll("[data-unread-room]") : []) {
      const { unreadRoom } = /** @type {HTMLElement} */ (mark).dataset;
      const count = counts.by_room[unreadRoom ?? ""];
      /** @type {HTMLElement} */ (mark).hidden = !count;
      if (count) mark.textContent = `${count} new`;
    }
  }
}
customElements.define("unread-count", UnreadCount);
