// @ts-check
/**
 * <listen-player path="/library/x" name="Title" show="The program" second="134" length="2400"><audio controls>…
 * <div data-panel hidden>…: speed, skips, keys, chapters and the system's own buttons around the browser's player, and a
 * place that is kept on the server, so that every device goes on where the last one stopped.
 */

const SAVED_EVERY = 10_000; // ms while it plays
const SETTLED = 1000; // ms after which a place chosen in silence is kept
const FRESH = 5000; // ms for which nobody asks whether another device went on meanwhile
const ON_THE_WAY = 2000; // ms that our own report may have taken to the server
const SKIP = /** @type {const} */ ({ back: -15, on: 30 });
const LOST = "The sound did not arrive. Try again in a moment.";
const KEYS = /** @type {Record<string, "play" | "back" | "on">} */ ({ k: "play", j: "back", l: "on" });

class ListenPlayer extends HTMLElement {
  connectedCallback() {
    const audio = this.querySelector("audio");
    const panel = this.querySelector("[data-panel]");
    if (!audio || !(panel instanceof HTMLElement)) return;
    this.audio = audio;
    this.path = this.getAttribute("path") ?? "";
    this.heard = 0; // seconds played since the server was last told
    this.moment = 0; // when this device last knew where the listener is; 0: it only repeats what the server said
    this.asked = Date.now();
    this.gone = new AbortController();
    this.channel = new BroadcastChannel("listening");
    this.channel.onmessage = () => audio.pause(); // something else began to play
    this.listen(audio, panel);
    this.goTo(Number(this.getAttribute("second")), false);
    this.setSpeed(kept("speed") ?? "1");
    audio.controls = false;
    panel.hidden = false;
    this.show();
    this.watching = new IntersectionObserver(([place]) => {
      this.away = !place.isIntersecting;
      this.stay();
    });
    this.watching.observe(this);
    if (new URLSearchParams(location.search).has("play")) this.play();
  }

  disconnectedCallback() {
    this.save();
    this.gone?.abort();
    this.channel?.close();
    this.watching?.disconnect();
  }

  /** Once it plays, its buttons stay on the screen wherever one reads; in the bar they do anyway. */
  stay() {
    if (!this.audio || this.querySelector(".player--bar")) return;
    const stays = Boolean(this.away) && (!this.audio.paused || this.hasAttribute("away"));
    if (stays && !this.hasAttribute("away")) this.style.setProperty("--height", `${this.offsetHeight}px`);
    this.toggleAttribute("away", stays);
    document.body.toggleAttribute("data-listening", stays);
  }

  /** @param {HTMLAudioElement} audio @param {HTMLElement} panel */
  listen(audio, panel) {
    const { signal } = /** @type {AbortController} */ (this.gone);
    /** @param {EventTarget} target @param {string} type @param {(event: any) => void} does */
    const on = (target, type, does) => target.addEventListener(type, does, { signal });
    on(panel, "click", (event) => this.do(event.target.closest?.("[data-do]")?.dataset.do));
    on(panel, "input", (event) => event.target.matches("[data-line]") && this.goTo(Number(event.target.value)));
    on(panel, "change", (event) => event.target.matches("[data-speed]") && this.setSpeed(event.target.value));
    on(document, "click", (event) => this.follow(event));
    on(document, "keydown", (event) => this.key(event));
    on(audio, "play", () => this.began());
    on(audio, "pause", () => this.stopped());
    on(audio, "timeupdate", () => this.moved());
    for (const type of ["loadedmetadata", "seeked", "ended"]) on(audio, type, () => this.show());
    on(audio, "error", () => this.say(LOST));
    on(window, "pagehide", () => this.save());
    on(window, "online", () => this.save());
    on(window, "pageshow", (event) => event.persisted && this.catchUp());
    on(document, "visibilitychange", () => (document.hidden ? this.save() : audio.paused && this.catchUp()));
    const keys = document.querySelector("[data-keys]");
    if (keys instanceof HTMLInputElement) {
      keys.checked = kept("single-keys") !== "off";
      on(keys, "change", () => keep("single-keys", keys.checked ? "on" : "off"));
    }
    const lines = document.querySelector("follow-transcript");
    for (const type of ["play", "seeked"]) lines && on(audio, type, wakeTranscript);
    for (const type of ["focusin", "pointerover"]) lines && on(lines, type, wakeTranscript);
  }

  /** @param {string | undefined} what */
  do(what) {
    if (!this.audio) return;
    if (what === "back" || what === "on") this.goTo(this.audio.currentTime + SKIP[what]);
    else if (what === "play") this.audio.paused ? this.play() : this.audio.pause();
  }

  play() {
    this.audio?.play().catch((error) => {
      if (error.name === "NotAllowedError") this.say("Press Play to listen.");
      else if (error.name !== "AbortError") this.say(LOST);
    });
  }

  /** @param {number} second @param {boolean} chosen by the listener, and not only told by the server */
  goTo(second, chosen = true) {
    if (!this.audio) return;
    this.audio.currentTime = Math.min(Math.max(0, second), this.length || second);
    this.last = undefined; // what lies between was not heard
    if (chosen) {
      this.moment = Date.now();
      clearTimeout(this.settling);
      this.settling = setTimeout(() => this.save(), SETTLED);
    }
    this.show();
  }

  /** A link to a second of this episode, wherever on the page, moves the sound and leaves the page. @param {MouseEvent} event */
  follow(event) {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    if (link.matches("[data-window]")) return this.popOut(event, link);
    const to = new URL(link.href);
    const second = Number(to.searchParams.get("t") ?? NaN);
    const ours = [this.path, `${this.path}/player`].includes(to.pathname) && to.origin === location.origin;
    if (!ours || Number.isNaN(second)) return;
    event.preventDefault();
    this.goTo(second);
    this.play();
  }

  /** @param {MouseEvent} event @param {HTMLAnchorElement} link */
  popOut(event, link) {
    event.preventDefault();
    this.audio?.pause();
    this.save();
    forget();
    window.open(`${this.path}/player?t=${Math.floor(this.audio?.currentTime ?? 0)}&play`, "listening", "popup,width=440,height=640");
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const writing = event.target instanceof Element && event.target.closest("input:not([type=range]), textarea, select, [contenteditable]");
    if (writing || event.metaKey || event.ctrlKey || event.altKey || kept("single-keys") === "off") return;
    const what = KEYS[event.key.toLowerCase()];
    if (!what) return;
    event.preventDefault();
    this.do(what);
  }

  /** @param {string} speed */
  setSpeed(speed) {
    const choice = this.querySelector("[data-speed]");
    if (!this.audio || !(choice instanceof HTMLSelectElement)) return;
    choice.value = speed;
    if (!choice.value) choice.value = "1";
    this.audio.defaultPlaybackRate = this.audio.playbackRate = Number(choice.value);
    keep("speed", choice.value);
  }

  began() {
    this.channel?.postMessage("play");
    this.saved = Date.now();
    if (Date.now() - this.known > FRESH) this.catchUp();
    this.say("");
    this.tellSystem();
    this.stay();
    this.show();
  }

  stopped() {
    this.save();
    this.show();
  }

  moved() {
    if (!this.audio || this.audio.seeking) return;
    const { currentTime, playbackRate } = this.audio;
    const step = currentTime - (this.last ?? currentTime);
    if (step > 0 && step < 2 * playbackRate) this.heard += step;
    this.last = currentTime;
    if (!this.audio.paused) this.moment = Date.now();
    if (Date.now() - (this.saved ?? 0) > SAVED_EVERY && !this.audio.paused) this.save();
    this.show();
  }

  /** Where the listener is, to the server and to the next page of this window; nothing when nothing was heard or chosen. */
  save() {
    clearTimeout(this.settling);
    if (!this.audio || !this.moment || this.moment === this.told) return;
    const second = Math.floor(this.audio.currentTime);
    const age = Math.round((Date.now() - this.moment) / 1000);
    const token = this.querySelector("[name=csrf_token]");
    const body = new URLSearchParams({ second: String(second), heard: String(Math.round(this.heard)), age: String(age) });
    body.set("csrf_token", token instanceof HTMLInputElement ? token.value : "");
    this.saved = Date.now();
    if (this.audio.ended) forget();
    else remember({ path: this.path, name: this.getAttribute("name") ?? "", second, at: this.moment });
    if (!navigator.onLine || !navigator.sendBeacon(`${this.path}/position`, body)) return; // told with the next
    this.told = this.moment;
    this.heard = 0;
  }

  /** When this device last knew for certain where the listener is. */
  get known() {
    return Math.max(this.moment ?? 0, this.asked ?? 0);
  }

  /** Another device may have gone on meanwhile; if it did, so does this one. */
  async catchUp() {
    const known = this.known;
    this.asked = Date.now();
    const answer = await fetch(`${this.path}/position`).catch(() => null);
    if (!answer?.ok || answer.redirected) return; // offline, or signed out
    const { second, age } = await answer.json();
    if (age !== null && Date.now() - age * 1000 > known + ON_THE_WAY) this.goTo(second, false);
  }

  get length() {
    const known = this.audio?.duration;
    return known && Number.isFinite(known) ? known : Number(this.getAttribute("length"));
  }

  show() {
    if (!this.audio) return;
    const { currentTime, paused, ended } = this.audio;
    const line = this.querySelector("[data-line]");
    const chapter = this.chapter();
    if (line instanceof HTMLInputElement) {
      line.max = String(Math.floor(this.length));
      line.value = String(Math.floor(currentTime));
      line.setAttribute("aria-valuetext", `${stamp(currentTime)} of ${stamp(this.length)}`);
      line.style.setProperty("--played", `${this.length ? (100 * currentTime) / this.length : 0}%`);
    }
    this.write("[data-now]", stamp(currentTime));
    this.write("[data-left]", `−${stamp(Math.max(0, this.length - currentTime))}`);
    this.write("[data-chapter]", chapter?.lastElementChild?.textContent ?? "");
    this.querySelector("[data-do=play]")?.setAttribute("aria-label", paused ? "Play" : "Pause");
    this.toggleAttribute("playing", !paused);
    for (const link of document.querySelectorAll(".chapters [aria-current]")) if (link !== chapter) link.removeAttribute("aria-current");
    chapter?.setAttribute("aria-current", "true");
    if (ended) this.say("You have heard it to the end.");
  }

  /** The link to the chapter that is being heard. @returns {Element | undefined} */
  chapter() {
    const second = this.audio?.currentTime ?? 0;
    return [...document.querySelectorAll(".chapters [data-second]")].findLast((link) => Number(link.getAttribute("data-second")) <= second);
  }

  /** @param {string} place @param {string} words */
  write(place, words) {
    const element = this.querySelector(place);
    if (element && element.textContent !== words) element.textContent = words;
  }

  /** @param {string} words */
  say(words) {
    this.write("[data-said]", words);
  }

  /** Headphones, lock screens and media keys. */
  tellSystem() {
    const session = navigator.mediaSession;
    if (!session || !this.audio) return;
    const [title, artist] = [this.getAttribute("name") ?? "", this.getAttribute("show") ?? ""];
    const picture = document.querySelector("link[rel=apple-touch-icon]")?.getAttribute("href");
    session.metadata = new MediaMetadata({ title, artist, artwork: picture ? [{ src: picture, sizes: "180x180", type: "image/png" }] : [] });
    const chapters = [...document.querySelectorAll(".chapters [data-second]")].map((link) => Number(link.getAttribute("data-second")));
    const now = () => this.audio?.currentTime ?? 0;
    /** @type {[MediaSessionAction, MediaSessionActionHandler | null][]} */
    const handlers = [
      ["play", () => this.play()],
      ["pause", () => this.audio?.pause()],
      ["seekbackward", ({ seekOffset }) => this.goTo(now() - (seekOffset ?? -SKIP.back))],
      ["seekforward", ({ seekOffset }) => this.goTo(now() + (seekOffset ?? SKIP.on))],
      ["seekto", ({ seekTime }) => this.goTo(seekTime ?? 0)],
      ["previoustrack", chapters.length ? () => this.goTo(chapters.findLast((second) => second < now() - 3) ?? 0) : null],
      ["nexttrack", chapters.length ? () => this.goTo(chapters.find((second) => second > now()) ?? now()) : null],
    ];
    for (const [action, handler] of handlers) session.setActionHandler(action, handler);
  }
}

function wakeTranscript() {
  if (!customElements.get("follow-transcript")) import("./follow-transcript.js");
}

/** Seconds as h:mm:ss. @param {number} seconds */
export function stamp(seconds) {
  const whole = Math.floor(seconds) || 0;
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

// What this browser keeps: choices for long, the place for as long as the window is open. Either may be forbidden.

/** @param {string} name */
function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** @param {string} name @param {string} value */
function keep(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {} // it holds for this page
}

/** @param {{ path: string, name: string, second: number, at: number }} place */
function remember(place) {
  try {
    sessionStorage.setItem("listening", JSON.stringify(place));
  } catch {} // the next page then offers nothing
}

export function forget() {
  try {
    sessionStorage.removeItem("listening");
  } catch {} // as above
}

customElements.define("listen-player", ListenPlayer);
