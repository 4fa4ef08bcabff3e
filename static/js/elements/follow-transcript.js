// @ts-check
/**
 * <follow-transcript><form role="search">…</form><ol class="transcript"><li data-from="62"><p><span data-t="64">…: marks what
 * is being said, keeps it in view for whoever is reading along, and finds words without leaving the page. Fetched by
 * <listen-player>, once something plays or somebody turns to the transcript.
 */

class FollowTranscript extends HTMLElement {
  connectedCallback() {
    this.player = document.querySelector("listen-player");
    this.audio = this.player?.querySelector("audio");
    this.lines = [...this.querySelectorAll("[data-t]")];
    this.passages = [...this.querySelectorAll("[data-from]")];
    this.gone = new AbortController();
    const { signal } = this.gone;
    for (const type of ["timeupdate", "seeked"]) this.audio?.addEventListener(type, () => this.mark(), { signal });
    this.addEventListener("click", (event) => this.hear(event), { signal });
    const form = this.querySelector("form");
    form?.addEventListener("input", () => this.find(), { signal });
    form?.addEventListener("submit", (event) => (event.preventDefault(), this.find()), { signal });
    this.mark();
  }

  disconnectedCallback() {
    this.gone?.abort();
  }

  /** What is being said at this second. */
  mark() {
    const second = this.audio?.currentTime ?? 0;
    const line = this.lines?.findLast((each) => Number(each.getAttribute("data-t")) <= second);
    if (!line || line === this.current) return;
    const before = this.current;
    this.current = line;
    before?.removeAttribute("data-spoken");
    line.setAttribute("data-spoken", "");
    const passage = line.closest("li");
    for (const each of this.querySelectorAll("[aria-current]")) if (each !== passage) each.removeAttribute("aria-current");
    passage?.setAttribute("aria-current", "true");
    // Only whoever reads along is taken along: the line before was on the screen, and this one is about to leave it.
    if (before && isOnScreen(before, 0) && !isOnScreen(line, 0.15)) line.scrollIntoView({ block: "center" });
  }

  /** Words that are clicked are heard; words that are being selected are not. @param {MouseEvent} event */
  hear(event) {
    const all = event.target instanceof Element ? event.target.closest("[data-all]") : null;
    const line = event.target instanceof Element ? event.target.closest("[data-t]") : null;
    if (all) this.showAll(event);
    if (!line || !getSelection()?.isCollapsed) return;
    this.player?.goTo(Number(line.getAttribute("data-t")));
    this.player?.play();
  }

  /** @param {MouseEvent} event */
  showAll(event) {
    const field = this.querySelector("input[type=search]");
    if (!(field instanceof HTMLInputElement) || this.querySelector("mark")) return; // marked by the server: the page is asked anew
    event.preventDefault();
    field.value = "";
    field.focus();
    this.find();
  }

  find() {
    const field = this.querySelector("input[type=search]");
    const said = this.querySelector("[data-found]");
    if (!(field instanceof HTMLInputElement) || !said) return;
    const terms = fold(field.value).match(/[\p{L}\p{N}]+/gu) ?? [];
    const found = this.passages?.filter((passage) => terms.every((term) => places(passage.textContent ?? "", term).length)) ?? [];
    for (const passage of this.passages ?? []) passage.toggleAttribute("hidden", terms.length > 0 && found.length > 0 && !found.includes(passage));
    const many = found.length === 0 ? "Nowhere" : found.length === 1 ? "One place" : `${found.length} places`;
    const words = field.value.trim();
    said.replaceChildren(...(terms.length ? [`${many}: “${words}”. `, this.link()] : []));
    this.light(terms.length ? found : [], terms);
  }

  link() {
    const link = document.createElement("a");
    link.href = "#transcript";
    link.dataset.all = "";
    link.textContent = "Show all of it";
    return link;
  }

  /** Marks words without touching the text, where the browser can. @param {Element[]} passages @param {string[]} terms */
  light(passages, terms) {
    if (!("highlights" in CSS)) return;
    const ranges = [];
    for (const passage of passages) {
      for (const line of passage.querySelectorAll("[data-t]")) {
        const text = line.firstChild;
        if (!(text instanceof Text)) continue;
        for (const term of terms) {
          for (const [from, to] of places(text.data, term)) {
            const range = new Range();
            range.setStart(text, from);
            range.setEnd(text, to);
            ranges.push(range);
          }
        }
      }
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  }
}

/** Lower case without accents, letter by letter, so that a place in it is the place in the text. @param {string} text */
function fold(text) {
  return Array.from(text, (letter) => {
    const plain = letter.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
    return plain.length === letter.length ? plain : letter;
  }).join("");
}

/** Where words begin with this. @param {string} text @param {string} term @returns {[number, number][]} */
function places(text, term) {
  const folded = fold(text);
  const found = /** @type {[number, number][]} */ ([]);
  for (let at = folded.indexOf(term); at >= 0; at = folded.indexOf(term, at + term.length)) {
    if (at === 0 || !/[\p{L}\p{N}]/u.test(folded[at - 1])) found.push([at, at + term.length]);
  }
  return found;
}

/** @param {Element} element @param {number} margin share of the window at its edges that counts as outside */
function isOnScreen(element, margin) {
  const { top, bottom } = element.getBoundingClientRect();
  return top >= innerHeight * margin && bottom <= innerHeight * (1 - margin);
}

customElements.define("follow-transcript", FollowTranscript);
