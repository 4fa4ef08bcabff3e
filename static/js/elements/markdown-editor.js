// @ts-check
import "../../vendor/markdown-toolbar-element-2.2.3.js";

/** <markdown-editor preview="/preview">: a toolbar, a textarea, and its "Preview" button, which shows the words below without leaving. */
class MarkdownEditor extends HTMLElement {
  connectedCallback() {
    this.area = this.querySelector("textarea");
    this.shown = this.querySelector("section");
    this.look = this.querySelector("button[name=preview]");
    if (!this.area || !this.shown || !(this.look instanceof HTMLButtonElement)) return;
    this.look.setAttribute("aria-expanded", String(!this.shown.hidden));
    this.look.addEventListener("click", (event) => {
      event.preventDefault();
      this.toggle();
    });
    this.area.addEventListener("keydown", (event) => {
      const sign = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && this.querySelector(`[hotkey="${CSS.escape(event.key.toLowerCase())}"]`);
      if (!(sign instanceof HTMLElement)) return;
      event.preventDefault();
      sign.click();
    });
    this.area.addEventListener("input", () => {
      clearTimeout(this.timer);
      if (!this.shown?.hidden) this.timer = setTimeout(() => this.refresh(), 700);
    });
  }

  async toggle() {
    if (!this.shown || !this.look) return;
    const opening = this.shown.hidden;
    if (opening) await this.refresh();
    this.shown.hidden = !opening;
    this.look.setAttribute("aria-expanded", String(opening));
    const words = this.look.querySelector("[data-words]");
    if (words) words.textContent = opening ? "Hide the preview" : "Preview";
    if (opening) this.shown.focus({ preventScroll: false });
  }

  async refresh() {
    const { area } = this;
    const shown = this.shown?.querySelector("[data-shown]");
    const token = area?.form?.elements.namedItem("csrf_token");
    if (!area || !shown) return;
    const body = new URLSearchParams({ body: area.value, csrf_token: token instanceof HTMLInputElement ? token.value : "" });
    try {
      const answer = await fetch(this.getAttribute("preview") ?? "/preview", { method: "POST", body });
      if (answer.redirected || !answer.ok) throw new Error(String(answer.status));
      shown.innerHTML = await answer.text(); // sanitised by core/markdown.py
    } catch {
      shown.textContent = "The preview could not be fetched just now. Your words are still in the field above.";
    }
  }
}
customElements.define("markdown-editor", MarkdownEditor);
