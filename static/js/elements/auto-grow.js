// @ts-check
/** <auto-grow><textarea></textarea></auto-grow>: as tall as its words, where CSS alone (field-sizing) cannot do it yet. */
class AutoGrow extends HTMLElement {
  connectedCallback() {
    const area = this.querySelector("textarea");
    if (!area || CSS.supports("field-sizing", "content")) return;
    const fit = () => {
      area.style.blockSize = "auto";
      area.style.blockSize = `${area.scrollHeight + 2}px`;
    };
    area.addEventListener("input", fit);
    fit();
  }
}
customElements.define("auto-grow", AutoGrow);
