// @ts-check
/** <copy-button for="feed-url"><input id="feed-url" readonly><button>…<span data-words>Copy</span></button></copy-button> */
class CopyButton extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => {
      if (event.target instanceof Element && event.target.closest("button")) this.copy();
    });
  }

  async copy() {
    const source = document.getElementById(this.getAttribute("for") ?? "");
    const words = this.querySelector("[data-words]");
    if (!source || !words) return;
    const text = source instanceof HTMLInputElement || source instanceof HTMLTextAreaElement ? source.value : (source.textContent ?? "").trim();
    const before = words.textContent;
    try {
      await navigator.clipboard.writeText(text);
      words.textContent = "Copied";
    } catch {
      if (source instanceof HTMLInputElement) source.select();
      words.textContent = "Press Ctrl-C";
    }
    words.setAttribute("role", "status");
    setTimeout(() => (words.textContent = before), 2500);
  }
}
customElements.define("copy-button", CopyButton);
