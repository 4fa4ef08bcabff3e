// @ts-check
/**
 * <passkey-sign-in options="/sign-in/passkey/options" autofill><form>…<input name="credential"><button type="button">
 * The button asks for a passkey; with `autofill` the browser also offers them where the e-mail address is typed. What
 * the device signed goes into the form, and the form is sent like any other.
 */

const RENEWED_EVERY = 8 * 60 * 1000; // a challenge is good for ten minutes

class PasskeySignIn extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.words = this.querySelector("[role=status]");
    if (!this.form || !window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
      this.hidden = true;
      return;
    }
    this.querySelector("button")?.addEventListener("click", () => this.ask());
    if (this.hasAttribute("autofill")) this.offer();
  }

  disconnectedCallback() {
    this.waiting?.abort();
    clearTimeout(this.renewal);
  }

  /** Where the page's e-mail field is, for as long as the page is open. */
  async offer() {
    const available = await PublicKeyCredential.isConditionalMediationAvailable?.();
    if (!available || this.asking) return; // whoever was quicker with the button is not to be interrupted
    this.renewal = setTimeout(() => this.offer(), RENEWED_EVERY);
    await this.get({ mediation: "conditional" });
  }

  async ask() {
    this.asking = true;
    clearTimeout(this.renewal);
    this.say("");
    await this.get({});
    this.asking = false;
  }

  /** @param {CredentialRequestOptions} how */
  async get(how) {
    this.waiting?.abort(); // the browser waits for one answer at a time
    const waiting = (this.waiting = new AbortController());
    try {
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(await options(this));
      if (waiting.signal.aborted) return;
      const credential = await navigator.credentials.get({ ...how, publicKey, signal: waiting.signal });
      if (credential instanceof PublicKeyCredential) send(this, credential);
    } catch (error) {
      if (waiting.signal.aborted) return;
      this.say(how.mediation ? "" : "No passkey was used. Try again, or sign in another way.");
    }
  }

  /** @param {string} text */
  say(text) {
    if (this.words) this.words.textContent = text;
  }
}

/** What to ask with; each answer holds a challenge of its own. @param {HTMLElement} element */
export async function options(element) {
  const token = element.querySelector("[name=csrf_token]");
  const body = new URLSearchParams({ csrf_token: token instanceof HTMLInputElement ? token.value : "" });
  const answer = await fetch(element.getAttribute("options") ?? "", { method: "POST", body });
  if (answer.redirected) location.assign(answer.url); // a fresh sign-in comes first
  if (answer.redirected || !answer.ok) throw new Error("no options");
  return answer.json();
}

/** @param {HTMLElement} element @param {PublicKeyCredential} credential */
export function send(element, credential) {
  const field = element.querySelector("[name=credential]");
  if (!(field instanceof HTMLInputElement)) return;
  field.value = JSON.stringify(credential);
  field.form?.submit();
}

customElements.define("passkey-sign-in", PasskeySignIn);
