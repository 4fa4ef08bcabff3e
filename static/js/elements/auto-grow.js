// @ts-check
/** <auto-grow><textarea></textarea></auto-grow>: as tall as its words. Fetched only where CSS alone (field-sizing) cannot do it. */
class AutoGrow extends HTMLElement {
  connectedCallback() {
    const area = this.querySelector("textarea");
    if (!area) return;
    const fit = () => {
      area.style.blockSize = "auto";
      area.style.blockSize = `${area.scrollHeight + 2}px`;
    };
    area.addEventListener("input", fit);
    fit();
  }
}
customElements.define("auto-grow", AutoGrow);
