// @ts-check
import { keysAreOn, switchKeys } from "./shortcuts.js";

/**
 * j, k, r, u and ?: each does what a link or button on the page does too. It comes with the first press of one of them
 * (site.js), and can be switched off with all single keys.
 */

const STOPS = ".post, .items > .item, .talk > li, .inbox__entry, .case";
const KEYS = [
  ["j", "The next post, thread or thing of a list"],
  ["k", "The one before"],
  ["r", "Reply, or begin a thread"],
  ["u", "Up: from a thread to its room, from a room to all rooms"],
  ["/", "Search"],
  ["?", "This list"],
];
// In the queue: each names a button, link or field of the case that one is at.
const KEYS_OF_CASES = [
  ["o", "Open the case"],
  ["w", "Write the reason"],
  ["e", "To the button that keeps it"],
  ["h", "To the button that takes it down"],
  ["l", "To the button that closes the thread"],
  ["t", "See to it, or give it back"],
  ["x", "Check it, to decide about several"],
];

/** @param {string} key */
export function press(key) {
  if (key === "j") step(1);
  else if (key === "k") step(-1);
  else if (key === "r") reply();
  else if (key === "u") up();
  else if (key === "?") list();
  else named(key);
}

/** What the case that one is at, or the first one seen, gives this letter to. Only links and boxes are pressed at once. @param {string} key */
function named(key) {
  const cases = [...document.querySelectorAll(".case")];
  const here = document.activeElement?.closest(".case") ?? cases.find((one) => one.getBoundingClientRect().bottom > 80);
  const found = here?.querySelector(`[data-key="${key}"]`);
  if (!(found instanceof HTMLElement)) return;
  found.focus();
  if (found.matches("a, input")) found.click();
}

/** @param {1 | -1} way */
function step(way) {
  const stops = [...document.querySelectorAll(STOPS)].filter((stop) => stop instanceof HTMLElement);
  const here = document.activeElement?.closest(STOPS);
  const seen = stops.findIndex((stop) => stop.getBoundingClientRect().bottom > 80);
  const at = here instanceof HTMLElement ? stops.indexOf(here) + way : way > 0 ? seen : seen - 1;
  const stop = stops[at];
  if (!stop) return;
  const inside = stop.matches(".post") ? null : stop.querySelector("a[href], button");
  const place = inside instanceof HTMLElement ? inside : stop;
  if (place === stop) stop.tabIndex = -1;
  place.focus({ preventScroll: true });
  stop.scrollIntoView({ block: "nearest" });
}

function reply() {
  const field = document.querySelector("#reply textarea:not([readonly])");
  const start = document.querySelector('a[href$="/threads/new"]');
  if (field instanceof HTMLElement) field.focus();
  else if (start instanceof HTMLElement) start.click();
}

function up() {
  const above = [...document.querySelectorAll(".crumbs a[href]")].at(-1);
  if (above instanceof HTMLElement) above.click();
}

/** Also behind a button of the search (search-dialog.js), for whoever switched the keys off. */
export function list() {
  const dialog = document.createElement("dialog");
  dialog.className = "finder keys";
  dialog.setAttribute("aria-labelledby", "keys-title");
  const rows = [...KEYS, ...(document.querySelector("[data-key]") ? KEYS_OF_CASES : [])].map(([key, what]) => `<dt><kbd>${key}</kbd></dt><dd>${what}</dd>`).join("");
  dialog.innerHTML = `<div class="keys__body"><h2 id="keys-title">Keys</h2><dl>${rows}</dl>
    <div class="cluster"><button class="btn btn--quiet" type="button" data-close>Close</button>
    <button class="btn btn--text" type="button" data-switch>${keysAreOn() ? "Switch them off" : "Switch them on"}</button></div></div>`;
  dialog.addEventListener("click", (event) => {
    const at = event.target instanceof Element ? event.target : null;
    if (at?.closest("[data-switch]")) switchKeys(!keysAreOn());
    if (at === dialog || at?.closest("button")) dialog.close();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
