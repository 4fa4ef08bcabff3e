// @ts-check
/** <details><summary>…</summary><close-outside>…</close-outside></details>: closes on Escape, on a click elsewhere, on leaving by Tab. */
class CloseOutside extends HTMLElement {
  connectedCallback() {
    this.details = this.closest("details");
    this.gone = new AbortController();
    const { signal } = this.gone;
    document.addEventListener("click", (event) => this.leave(event.target), { signal });
    document.addEventListener("focusin", (event) => this.leave(event.target), { signal });
    this.details?.addEventListener(
      "keydown",
      (event) => {
        if (event.key !== "Escape" || !this.details?.open) return;
        this.details.open = false;
        this.details.querySelector("summary")?.focus();
      },
      { signal },
    );
  }

  disconnectedCallback() {
    this.gone?.abort();
  }

  /** @param {EventTarget | null} target */
  leave(target) {
    if (this.details?.open && target instanceof Node && !this.details.contains(target)) this.details.open = false;
  }
}
customElements.define("close-outside", CloseOutside);
