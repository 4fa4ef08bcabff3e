// @ts-check
/**
 * <case-look data-to="…/look"> around the form of a case: while somebody writes in it, the others are told that they look
 * at it, at most every two minutes. A saved reply that is chosen fills the reason, to be changed at will. Without script
 * the reply is taken where nothing was written, and nobody is told.
 */
const EVERY = 120_000;

class CaseLook extends HTMLElement {
  connectedCallback() {
    this.told = 0;
    this.addEventListener("focusin", () => this.tell());
    this.addEventListener("change", (event) => {
      if (event.target instanceof HTMLSelectElement && event.target.name === "reply") this.fill(event.target);
    });
    if (this.hasAttribute("data-now")) this.tell();
  }

  tell() {
    const token = this.querySelector("input[name=csrf_token]");
    if (!this.dataset.to || !(token instanceof HTMLInputElement) || Date.now() - this.told < EVERY) return;
    this.told = Date.now();
    const body = new FormData();
    body.set("csrf_token", token.value);
    fetch(this.dataset.to, { method: "POST", body, keepalive: true }).catch(() => {
      this.told = 0;
    });
  }

  /** @param {HTMLSelectElement} replies */
  fill(replies) {
    const words = replies.selectedOptions[0]?.dataset.words;
    const reason = this.querySelector("textarea");
    if (!words || !reason) return;
    reason.value = words;
    reason.dispatchEvent(new Event("input", { bubbles: true }));
    reason.focus();
  }
}
customElements.define("case-look", CaseLook);
