// @ts-check
/**
 * <live-thread> around the words at the end of a thread's last page: what others say meanwhile is added above it, quietly
 * and without moving what somebody reads. It asks for the page again, naming the version that it shows, soon while people
 * talk and ever less often while they do not, never while the page is hidden. The form below is not touched.
 */
const OFTEN = 10_000, SELDOM = 120_000;

class LiveThread extends HTMLElement {
  connectedCallback() {
    this.pause = OFTEN;
    const back = () => document.visibilityState === "visible" && this.ask();
    document.addEventListener("visibilitychange", back, { signal: this.ended.signal });
    window.addEventListener("focus", back, { signal: this.ended.signal });
    this.wait();
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
    this.ended.abort();
  }

  ended = new AbortController();

  wait() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), this.pause);
  }

  async ask() {
    if (document.visibilityState !== "visible" || Date.now() - (this.last ?? 0) < 1000) return;
    this.last = Date.now();
    const address = new URL(location.href);
    address.hash = "";
    address.searchParams.delete("quote");
    try {
      const answer = await fetch(address, { cache: "no-cache", headers: { "Portal-Look": this.getAttribute("version") ?? "" }, redirect: "manual" });
      if (answer.status === 200) this.take(await answer.text());
      else this.rest();
    } catch {
      this.rest(); // away for the moment: what stands there stays
    }
    if (this.isConnected) this.wait();
  }

  rest() {
    this.pause = Math.min((this.pause ?? OFTEN) * 2, SELDOM);
  }

  /** @param {string} text the page as it is now */
  take(text) {
    if (text === this.before) return this.rest();
    this.before = text;
    const page = new DOMParser().parseFromString(text, "text/html");
    const here = document.querySelector("ol.posts");
    if (!here) return;
    this.setAttribute("version", page.querySelector("live-thread")?.getAttribute("version") ?? "");
    const fresh = [];
    for (const post of page.querySelectorAll("ol.posts > .post")) {
      const known = document.getElementById(post.id);
      if (!known) fresh.push(document.importNode(post, true));
      else if (words(known) !== words(post) && !known.contains(document.activeElement) && !known.querySelector("[open]")) known.replaceWith(document.importNode(post, true));
    }
    here.append(...fresh);
    if (fresh.length) {
      this.pause = OFTEN;
      const mark = page.querySelector("reading-mark");
      document.querySelector("reading-mark")?.remove();
      if (mark) here.closest("quote-posts")?.after(document.importNode(mark, true));
    } else this.rest();
    const goes = !page.querySelector("live-thread"); // the newest stand on a page after this one
    this.say(fresh.length, goes ? page.querySelector(".thread-where a[href$='#newest']") : null);
  }

  /** @param {number} count @param {Element | null} further */
  say(count, further) {
    const said = this.querySelector("[role=status]");
    if (!said || !(count || further)) return;
    said.textContent = count ? (count === 1 ? "A new reply has come above." : `${count} new replies have come above.`) : "";
    if (further instanceof HTMLAnchorElement) {
      const link = document.createElement("a");
      link.href = further.getAttribute("href") ?? "";
      link.textContent = "Newer replies stand on the next page";
      said.append(" ", link);
      this.disconnectedCallback();
    }
  }
}

/** What a reader finds in a post. @param {Element} post */
function words(post) {
  return ["post__head", "post__body"].map((part) => post.querySelector(`.${part}`)?.innerHTML.trim()).join();
}
customElements.define("live-thread", LiveThread);
