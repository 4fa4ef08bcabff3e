// @ts-check
// Keys that do something on a page by themselves ("/", "j", "r"). They can be switched off in this browser, because who
// dictates, or rests a hand on the keyboard, would set them off unmeant (WCAG 2.1.4).

/** Whether single keys do something here. Kept in a cookie, so that the server sets the attribute. */
export function keysAreOn() {
  return document.documentElement.dataset.keys !== "off";
}

/** @param {boolean} on */
export function switchKeys(on) {
  if (on) delete document.documentElement.dataset.keys;
  else document.documentElement.dataset.keys = "off";
  document.cookie = `keys=off; path=/; max-age=${on ? 0 : 31536000}; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
}

/** Whether this key was meant for the page: nobody is typing, no dialog is open, nothing is held. @param {KeyboardEvent} event */
export function isForThePage(event) {
  if (!keysAreOn() || event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return false;
  const at = event.target;
  const typing = at instanceof HTMLElement && (at.isContentEditable || at.matches("input, textarea, select"));
  return !typing && !document.querySelector("dialog[open]");
}

/**
 * Let a key do something, until the signal ends it: onKey("j", () => next(), { signal }).
 * @param {string} key @param {(event: KeyboardEvent) => void} act @param {{ signal?: AbortSignal }} [until]
 */
export function onKey(key, act, until = {}) {
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== key || !isForThePage(event)) return;
      event.preventDefault();
      act(event);
    },
    until,
  );
}
