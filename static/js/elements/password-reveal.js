// @ts-check
/** A password field with a button that shows what was typed, and hides it again before the form is sent. */
class PasswordReveal extends HTMLElement {
  connectedCallback() {
    const input = this.querySelector("input");
    const button = this.querySelector("[data-reveal]");
    if (!input || !button) return;
    const show = (/** @type {boolean} */ shown) => {
      input.type = shown ? "text" : "password";
      button.setAttribute("aria-pressed", String(shown));
      if (button.firstChild) button.firstChild.textContent = shown ? "Hide" : "Show";
    };
    button.addEventListener("click", () => show(input.type === "password"));
    input.form?.addEventListener("submit", () => show(false));
  }
}
customElements.define("password-reveal", PasswordReveal);
