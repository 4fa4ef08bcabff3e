// @ts-check
/** Inside <details class="confirm">: opening moves focus to the question; "keep" and Escape close it again. */
class ConfirmStep extends HTMLElement {
  connectedCallback() {
    this.details = this.closest("details");
    this.addEventListener("click", (event) => {
      if (event.target instanceof Element && event.target.closest("[data-close]")) this.close();
    });
    this.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    this.details?.addEventListener("toggle", () => this.begin());
    this.begin();
  }

  begin() {
    const question = this.querySelector(".confirm__question");
    if (!this.details?.open || !(question instanceof HTMLElement)) return;
    question.tabIndex = -1;
    question.focus();
  }

  close() {
    if (!this.details) return;
    this.details.open = false;
    this.details.querySelector("summary")?.focus();
  }
}
customElements.define("confirm-step", ConfirmStep);
