// @ts-check
import { options, send } from "./passkey-sign-in.js";

/** <passkey-new options="/account/passkeys/options"><form>…<input name="credential"><button type="button"> */
class PasskeyNew extends HTMLElement {
  connectedCallback() {
    if (!window.PublicKeyCredential?.parseCreationOptionsFromJSON) {
      this.hidden = true;
      return;
    }
    this.querySelector("button")?.addEventListener("click", () => this.make());
  }

  async make() {
    const words = this.querySelector("[role=status]");
    if (words) words.textContent = "";
    try {
      const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(await options(this));
      const credential = await navigator.credentials.create({ publicKey });
      if (credential instanceof PublicKeyCredential) send(this, credential);
    } catch (error) {
      const known = error instanceof DOMException && error.name === "InvalidStateError";
      if (words) words.textContent = known ? "This device has a passkey for you already." : "No passkey was made. Try again when you like.";
    }
  }
}
customElements.define("passkey-new", PasskeyNew);
