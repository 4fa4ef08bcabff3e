// @ts-check
/**
 * A page change stops the sound, so the next page offers to go on at the same second: the player of the small window, as a
 * bar under the page. Browsers let a page speak only after a click, hence the button.
 */
import { forget } from "./listen-player.js";

const OFFERED_FOR = 12 * 3600 * 1000; // ms after which nobody means it any more

async function offer() {
  const place = read();
  if (!place || document.querySelector("listen-player") || Date.now() - place.at > OFFERED_FOR) return;
  const answer = await fetch(`${place.path}/player?t=${place.second}`).catch(() => null);
  if (!answer?.ok || answer.redirected) return; // they may not hear it any more, or it was withdrawn
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const player = page.querySelector("listen-player");
  const bar = player?.querySelector(".player");
  const title = player?.querySelector("[data-page]");
  if (!player || !bar || !title) return;
  bar.classList.add("player--bar");
  bar.setAttribute("aria-label", "Keep listening");
  bar.removeAttribute("id");
  title.textContent = place.name;
  title.removeAttribute("target");
  player.querySelector("[data-do=close]")?.addEventListener("click", () => dismiss(player));
  document.body.append(document.adoptNode(player));
  document.body.toggleAttribute("data-listening", true);
}

/** @param {Element} player */
function dismiss(player) {
  player.remove(); // which keeps the place
  forget();
  document.body.toggleAttribute("data-listening", false);
  document.getElementById("main")?.focus({ preventScroll: true });
}

/** Where the sound stopped in this window. @returns {{ path: string, name: string, second: number, at: number } | null} */
function read() {
  try {
    return JSON.parse(sessionStorage.getItem("listening") ?? "null");
  } catch {
    return null;
  }
}

offer();
