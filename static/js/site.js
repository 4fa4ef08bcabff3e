// @ts-check
// Everything here improves HTML that works without it.

// Custom elements wake when they can first be seen: what lies in a closed menu stays asleep and costs no request.

const ELEMENTS = ["auto-grow", "auto-save", "case-look", "close-outside", "confirm-step", "copy-button", "listen-player", "local-time", "markdown-editor", "passkey-new", "passkey-sign-in", "password-reveal", "print-button", "reading-mark", "theme-switch", "unread-count", "upload-progress"];

// Those of a form that stands below what one came to read wait until somebody comes near it.
const FOR_WRITING = ["auto-save", "markdown-editor", "mention-list", "upload-progress"];
const near = new IntersectionObserver(
  (seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      for (const name of FOR_WRITING) if (target.closest(name) || target.querySelector(name)) import(`./elements/${name}.js`);
    }
  },
  { rootMargin: "50%" },
);

function wake() {
  for (const name of ELEMENTS) {
    if (customElements.get(name) || isNative(name)) continue;
    for (const element of document.getElementsByTagName(name)) {
      if (!isShown(element)) continue;
      if (FOR_WRITING.includes(name)) near.observe(element.firstElementChild ?? element);
      else import(`./elements/${name}.js`);
      break;
    }
  }
}

/**
 * Words that were sent, which the server says by a cookie, need not be kept here; nor any, once somebody signs out.
 * @param {string | undefined} things
 */
function forgetDrafts(things) {
  if (things === undefined) return;
  const done = things.replace(/^"|"$/g, "").split("|");
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith("draft:") && (things === "*" || done.includes(key.replace(/^draft:\d+:/, "")))) localStorage.removeItem(key);
  }
  document.cookie = "drafts_done=; path=/; max-age=0";
}

document.addEventListener("submit", (event) => {
  if (event.target instanceof HTMLFormElement && new URL(event.target.action).pathname === "/sign-out") forgetDrafts("*");
});

/** What the browser does by itself needs no script. @param {string} name */
function isNative(name) {
  return name === "auto-grow" && CSS.supports("field-sizing", "content");
}

/** Elements with `display: contents` have no box of their own, so their first child answers for them. @param {Element} element */
function isShown(element) {
  return (element.firstElementChild ?? element).checkVisibility?.() ?? true;
}

// htmx comes only where a page asks for an exchange; most pages never pay for it.
if (document.querySelector("[hx-get], [hx-post]")) {
  const script = document.createElement("script");
  script.src = new URL("../vendor/htmx-4.0.1.min.js", import.meta.url).href;
  document.head.append(script);
}

// "/" and Ctrl-K (⌘-K) open the search; its script comes with the first press. Single keys can be switched off
// (elements/shortcuts.js); whether they are is asked at once, because the browser does something of its own with "/".
document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  const typing = target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"));
  const single = key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && document.documentElement.dataset.keys !== "off";
  const held = key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  if (!(single || held) || event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  import("./elements/search-dialog.js").then(({ open }) => open());
});

// j, k, r, u and ? come in the same way (elements/page-keys.js), with the letters that a page itself gives to its
// buttons, and stay away where they are switched off.
document.addEventListener("keydown", (event) => {
  if (!/^[a-z?]$/.test(event.key) || document.documentElement.dataset.keys === "off") return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if (event.target instanceof HTMLElement && (event.target.isContentEditable || event.target.matches("input:not([type=checkbox]), textarea, select"))) return;
  if (!["j", "k", "r", "u", "?"].includes(event.key) && !document.querySelector(`[data-key="${event.key}"]`)) return;
  event.preventDefault(); // the letter is not meant for the field that gets the focus
  import("./elements/page-keys.js").then(({ press }) => press(event.key));
});

forgetDrafts(/(?:^|; )drafts_done=([^;]*)/.exec(document.cookie)?.[1]);
// Sound stopped when the page changed: this one offers to go on.
try {
  if (sessionStorage.getItem("listening")) import("./elements/keep-listening.js");
} catch {} // a browser that keeps nothing

wake();
document.addEventListener("toggle", wake, true);
document.addEventListener("htmx:after:swap", wake);

// A page that comes back with errors: the summary is read first.
document.getElementById("error-summary")?.focus();

// When only a part of a page is exchanged (htmx): where focus goes, what a refusal replaces, and that an expired
// sign-in leads to the sign-in page instead of into the middle of this one.

/** @typedef {{ response: { status: number, raw: Response }, target: Element | string, select?: string, selectOOB?: string, swap: string }} Exchange */

document.addEventListener("htmx:before:response", (event) => {
  const { ctx } = /** @type {CustomEvent<{ ctx: Exchange }>} */ (event).detail;
  const { raw, status } = ctx.response;
  if (raw.redirected && new URL(raw.url).pathname.startsWith("/sign-in")) {
    event.preventDefault();
    location.assign(raw.url);
  } else if (status >= 400 && status !== 422) {
    ctx.target = document.getElementById("main") ?? document.body;
    ctx.select = "#main";
    ctx.selectOOB = undefined;
    ctx.swap = "outerHTML";
  }
});

document.addEventListener("htmx:after:swap", (event) => {
  const { ctx } = /** @type {CustomEvent<{ ctx: Exchange }>} */ (event).detail;
  const place = document.getElementById("error-summary") ?? document.querySelector("[data-focus]") ?? lostPlace(ctx);
  if (place instanceof HTMLElement) {
    if (!place.matches("a[href], button, input, select, textarea, [tabindex]")) place.tabIndex = -1;
    place.focus();
  }
});

/**
 * Focus fell to the body because what had it was exchanged: the first button in its place takes it, else the main part.
 * @param {Exchange} ctx
 */
function lostPlace(ctx) {
  if (document.activeElement !== document.body) return null;
  const id = ctx.target instanceof Element ? ctx.target.id : "main";
  const fresh = id === "main" ? null : document.getElementById(id);
  return fresh?.querySelector("button") ?? document.getElementById("main");
}
