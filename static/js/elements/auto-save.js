// @ts-check
/**
 * <auto-save thing="item:7" member="5" to="/desk/library/7/draft" mark="3f…"><form>…<p data-save-state></p></form></auto-save>
 * What is typed goes into the browser's own store at once, and within two seconds of the last key to the server. After a
 * crash or an expired sign-in the form has the words again. Each saving carries a mark made here, so that a page opened
 * later knows whether what the server has is what this browser sent.
 */

/** @typedef {{ fields: Record<string, string[]>, marks: string[], saved: boolean, at: number }} Kept */

const PAUSE = 1200; // ms after the last key
const LONGEST = 8000; // ms, for whoever never pauses
const AGAIN = 10_000; // ms, when the portal does not answer

class AutoSave extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    if (!this.form) return;
    this.said = this.querySelector("[data-save-state]");
    this.key = `draft:${this.getAttribute("member")}:${this.getAttribute("thing")}`;
    this.mark = this.getAttribute("mark") ?? ""; // of the words the server has, as far as we know
    this.marks = [this.mark]; // with those whose answer may have been lost
    this.opened = JSON.stringify(this.fields());
    this.unsaved = false;
    this.gone = new AbortController();
    const { signal } = this.gone;
    this.form.addEventListener("input", () => this.typed(), { signal });
    this.form.addEventListener("submit", (event) => this.leaving(event), { signal });
    addEventListener("beforeunload", (event) => this.unsaved && !this.sent && event.preventDefault(), { signal });
    addEventListener("pagehide", () => this.unsaved && !this.sent && this.save(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden && this.unsaved && !this.sent && this.save(), { signal });
    addEventListener("pageshow", () => (this.sent = false), { signal });
    addEventListener("online", () => this.unsaved && this.save(), { signal });
    if (this.isTypedIn()) this.typed();
    else this.restore();
  }

  /** Somebody was quicker than this script. */
  isTypedIn() {
    return [...(this.form?.querySelectorAll("textarea, input[type=text]") ?? [])].some((each) => (each instanceof HTMLTextAreaElement || each instanceof HTMLInputElement) && each.value !== each.defaultValue);
  }

  disconnectedCallback() {
    this.gone?.abort();
    clearTimeout(this.timer);
  }

  typed() {
    this.restored = undefined;
    this.changed();
  }

  changed() {
    if (!this.form) return;
    if (!this.unsaved) this.since = Date.now();
    this.unsaved = true;
    this.keepHere();
    clearTimeout(this.timer);
    const waited = Date.now() - (this.since ?? Date.now());
    this.timer = setTimeout(() => this.save(), Math.max(0, Math.min(PAUSE, LONGEST - waited)));
  }

  /** The form is sent by its own button: nothing more is saved beside it. @param {SubmitEvent} event */
  leaving(event) {
    if (event.defaultPrevented) return;
    clearTimeout(this.timer);
    this.sent = true;
    this.stop?.abort(); // what is on its way says no more than what is sent now
  }

  /** @returns {Record<string, string[]>} */
  fields() {
    /** @type {Record<string, string[]>} */
    const found = {};
    for (const [name, value] of new FormData(this.form ?? undefined)) {
      if (typeof value === "string" && !["csrf_token", "mark", "after"].includes(name)) (found[name] ??= []).push(value);
    }
    return found;
  }

  keepHere() {
    /** @type {Kept} */
    const kept = { fields: this.fields(), marks: this.marks ?? [], saved: !this.unsaved, at: Date.now() };
    try {
      localStorage.setItem(this.key ?? "", JSON.stringify(kept));
    } catch {
      // the store is full or closed to us; the server has the words
    }
  }

  async save() {
    clearTimeout(this.timer);
    const to = this.getAttribute("to");
    if (!to) {
      this.unsaved = false;
      this.keepHere();
      return this.say(`Kept in this browser at ${clock(Date.now())}`);
    }
    if (this.sending) {
      this.again = true;
      return;
    }
    const fields = this.fields();
    const sending = (this.sending = crypto.getRandomValues(new Uint32Array(4)).join("-"));
    this.marks = [...(this.marks ?? []).slice(-6), sending];
    this.keepHere();
    try {
      const { at } = await this.send(to, fields, sending);
      this.mark = sending;
      this.unsaved = JSON.stringify(fields) !== JSON.stringify(this.fields());
      if (!this.unsaved) this.say(`Saved ${at}`);
    } catch (error) {
      if (this.sent) return;
      this.again = false;
      this.say(error instanceof Refused ? error.message : "Kept in this browser for now: the portal does not answer.");
      if (!(error instanceof Refused)) this.timer = setTimeout(() => this.save(), AGAIN);
    }
    this.sending = undefined;
    this.keepHere();
    if (this.unsaved && this.again) this.changed();
    this.again = false;
  }

  /** @param {string} to @param {Record<string, string[]>} fields @param {string} mark @returns {Promise<{ at: string }>} */
  async send(to, fields, mark) {
    const token = this.form?.elements.namedItem("csrf_token");
    const body = new URLSearchParams({ csrf_token: token instanceof HTMLInputElement ? token.value : "", mark, after: [this.mark, ...(this.marks ?? [])].join(",") });
    for (const [name, values] of Object.entries(fields)) for (const value of values) body.append(name, value);
    this.stop = new AbortController();
    const answer = await fetch(to, { method: "POST", body, keepalive: String(body).length < 60_000, signal: this.stop.signal });
    if (answer.redirected || answer.status === 400 || answer.status === 403) throw new Refused("You are signed out. Your words are kept in this browser: sign in again and open this page, and they are here.");
    if (answer.status === 409) throw new Refused("Other words were saved here since, from another window. Yours stay in this one; send them with the button below, or reload the page to see the others.");
    if (answer.status === 422) throw new Refused(await why(answer));
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  /** Put back what this browser knows and the server does not. */
  restore() {
    const kept = this.kept();
    if (!kept || JSON.stringify(kept.fields) === this.opened) return;
    if (kept.saved && kept.marks.includes(this.mark ?? "")) return; // the page has it, or something newer of its own
    if (kept.marks.includes(this.mark ?? "")) {
      this.fill(kept.fields);
      this.restored = `Restored what you typed at ${clock(kept.at)}.`; // stands there until the next key
      this.say("");
      this.changed();
    } else if (!kept.saved) {
      this.say(`This browser has words from ${clock(kept.at)} that were never saved.`, "Put them here", () => this.take(kept.fields));
    }
  }

  /** @returns {Kept | null} */
  kept() {
    try {
      return JSON.parse(localStorage.getItem(this.key ?? "") ?? "null");
    } catch {
      return null;
    }
  }

  /** @param {Record<string, string[]>} fields */
  fill(fields) {
    for (const control of this.form?.elements ?? []) {
      if (control instanceof HTMLInputElement && ["checkbox", "radio"].includes(control.type)) control.checked = (fields[control.name] ?? []).includes(control.value);
      else if (control instanceof HTMLSelectElement) for (const option of control.options) option.selected = (fields[control.name] ?? []).includes(option.value);
      else if (control instanceof HTMLTextAreaElement || (control instanceof HTMLInputElement && !["hidden", "file", "submit"].includes(control.type))) control.value = fields[control.name]?.[0] ?? control.value;
    }
    for (const area of this.querySelectorAll("textarea")) area.dispatchEvent(new Event("input")); // so that it grows
  }

  /** @param {Record<string, string[]>} fields */
  take(fields) {
    this.fill(fields);
    this.typed();
  }

  /** @param {string} words @param {string} [label] @param {() => void} [then] */
  say(words, label, then) {
    if (!this.said) return;
    this.said.textContent = words;
    if (this.restored) {
      this.said.textContent = `${this.restored} ${words}`;
      label = "Undo";
      then = () => this.take(JSON.parse(this.opened ?? "{}"));
    }
    if (!label || !then) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn--text";
    button.textContent = label;
    button.addEventListener("click", () => {
      then();
      button.remove();
    });
    this.said.append(" ", button);
  }
}

class Refused extends Error {}

/** @param {Response} answer */
async function why(answer) {
  if (answer.headers.get("Content-Type")?.startsWith("application/json")) return (await answer.json()).message;
  return "This is much longer than it may be when it is sent, so it is kept in this browser alone.";
}

/** @param {number} at */
function clock(at) {
  return new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "short" }).format(at);
}

customElements.define("auto-save", AutoSave);
