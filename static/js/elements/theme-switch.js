// @ts-check
/** Light, dark, or as the system says. Kept in a cookie, so that the server sets the attribute and nothing flashes. */
const WORDS = { system: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };
const ORDER = /** @type {const} */ (["system", "light", "dark"]);

class ThemeSwitch extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => {
      if (!(event.target instanceof Element) || !event.target.closest("button")) return;
      this.choose(ORDER[(ORDER.indexOf(this.current) + 1) % ORDER.length]);
    });
    this.say();
  }

  get current() {
    const chosen = document.documentElement.dataset.theme;
    return chosen === "light" || chosen === "dark" ? chosen : "system";
  }

  /** @param {"system" | "light" | "dark"} theme */
  choose(theme) {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    const age = theme === "system" ? 0 : 31536000;
    document.cookie = `theme=${theme}; path=/; max-age=${age}; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
    this.say();
  }

  say() {
    const words = this.querySelector("[data-words]");
    if (words) words.textContent = WORDS[this.current];
  }
}
customElements.define("theme-switch", ThemeSwitch);
