// @ts-check
import { keysAreOn, switchKeys } from "./shortcuts.js";

/**
 * <search-dialog>: made when somebody presses "/" or Ctrl-K. It asks the search page while one types and shows the part
 * of it that was found; arrows move along it, Enter opens. Without script the same page is behind the field in the head.
 */

const PAUSE = 180; // ms without a key before it asks
const SHAPE = `
  <dialog class="finder" aria-label="Search">
    <form class="finder__form" role="search" action="/search">
      <label class="visually-hidden" for="finder-words">Words to look for</label>
      <input class="input" type="search" id="finder-words" name="q" placeholder="Search, or where to go" autocomplete="off" enterkeyhint="search">
      <button class="btn btn--text" type="button" data-close>Close</button>
    </form>
    <div class="finder__found" aria-busy="false"></div>
    <p class="finder__keys small soft"><span><kbd>↑</kbd> <kbd>↓</kbd> to choose, <kbd>Enter</kbd> to open</span> <button class="btn btn--text" type="button" data-list>All keys</button> <button class="btn btn--text" type="button" data-keys></button></p>
  </dialog>`;

class SearchDialog extends HTMLElement {
  connectedCallback() {
    this.innerHTML = SHAPE;
    this.dialog = /** @type {HTMLDialogElement} */ (this.querySelector("dialog"));
    this.field = /** @type {HTMLInputElement} */ (this.querySelector("input"));
    this.found = /** @type {HTMLElement} */ (this.querySelector(".finder__found"));
    this.keys = /** @type {HTMLButtonElement} */ (this.querySelector("button[data-keys]"));
    this.field.addEventListener("input", () => this.askSoon());
    this.dialog.addEventListener("keydown", (event) => this.move(event));
    this.dialog.addEventListener("click", (event) => this.pressed(event));
    this.dialog.addEventListener("close", () => this.asked?.abort());
  }

  open() {
    if (!this.dialog || this.dialog.open) return;
    this.sayKeys();
    this.dialog.showModal();
    this.field?.select();
  }

  askSoon() {
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.ask(), PAUSE);
  }

  async ask() {
    const words = this.field?.value.trim() ?? "";
    this.asked?.abort();
    const asked = (this.asked = new AbortController());
    if (!words) return this.show(null);
    this.found?.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(`/search?q=${encodeURIComponent(words)}`, { signal: asked.signal });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!asked.signal.aborted) this.show(answer.ok ? page.getElementById("found") : null, words);
    } catch {
      if (!asked.signal.aborted) this.show(null); // the network is away: Enter opens the page, which says so
    }
  }

  /** @param {HTMLElement | null} found @param {string} [words] */
  show(found, words) {
    this.found?.setAttribute("aria-busy", "false");
    this.found?.replaceChildren(...(found?.children ?? []));
    if (!found || !words) return;
    const all = document.createElement("a");
    all.href = `/search?q=${encodeURIComponent(words)}`;
    all.className = "finder__all";
    all.textContent = "Open as a page, with filters";
    this.found?.append(all);
  }

  /** Arrows go from the field to the first link and back. @param {KeyboardEvent} event */
  move(event) {
    const links = [...(this.found?.querySelectorAll("a[href]") ?? [])].filter((link) => link instanceof HTMLElement);
    const at = links.findIndex((link) => link === document.activeElement);
    if (event.key === "ArrowDown" && at < links.length - 1) links[at + 1].focus();
    else if (event.key === "ArrowUp" && at >= 0) (links[at - 1] ?? this.field)?.focus();
    else if (event.key.length === 1 && at >= 0 && event.key !== " " && !event.ctrlKey && !event.metaKey) return this.field?.focus();
    else return;
    event.preventDefault();
  }

  /** @param {MouseEvent} event */
  pressed(event) {
    const at = event.target instanceof Element ? event.target : null;
    if (at === this.dialog || at?.closest("[data-close]")) this.dialog?.close();
    if (at?.closest("[data-list]")) {
      this.dialog?.close();
      import("./page-keys.js").then(({ list }) => list());
    }
    if (at?.closest("button[data-keys]")) {
      switchKeys(!keysAreOn());
      this.sayKeys();
    }
  }

  sayKeys() {
    if (this.keys) this.keys.textContent = keysAreOn() ? "Switch single-key shortcuts off" : "Switch single-key shortcuts on";
  }
}

customElements.define("search-dialog", SearchDialog);

export function open() {
  let element = document.querySelector("search-dialog");
  if (!element) {
    element = document.createElement("search-dialog");
    document.body.append(element);
  }
  if (element instanceof SearchDialog) element.open();
}
