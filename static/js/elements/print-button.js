// @ts-check
/** <print-button><button>…</button></print-button>: opens the browser's print window. */
class PrintButton extends HTMLElement {
  connectedCallback() {
    this.querySelector("button")?.addEventListener("click", () => window.print());
  }
}
customElements.define("print-button", PrintButton);
