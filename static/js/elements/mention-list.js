// @ts-check
/** <mention-list for="body" from="/threads/7/people">: after "@" it offers people whom the writer may mean. Arrow keys choose, Enter or
    Tab takes one, Escape closes. Without script a handle is typed as it stands in the address of a profile. */
class MentionList extends HTMLElement {
  connectedCallback() {
    const area = document.getElementById(this.getAttribute("for") ?? "");
    const list = this.querySelector("ul");
    if (!(area instanceof HTMLTextAreaElement) || !list) return;
    this.area = area;
    this.list = list;
    area.setAttribute("aria-autocomplete", "list");
    area.setAttribute("aria-controls", list.id);
    area.addEventListener("input", () => {
      clearTimeout(this.timer);
      if (!this.begun()) return this.close();
      this.timer = setTimeout(() => this.offer(), 150);
    });
    area.addEventListener("keydown", (event) => this.steer(event));
    area.addEventListener("blur", () => this.close());
    list.addEventListener("mousedown", (event) => {
      event.preventDefault(); // the field keeps the focus
      const option = event.target instanceof Element && event.target.closest("li");
      if (option) this.take(option);
    });
  }

  /** What stands between the "@" and the cursor, or "". */
  begun() {
    const before = this.area?.value.slice(0, this.area.selectionStart) ?? "";
    return /(?:^|[\s(])@([\p{L}\p{N}-]{1,30})$/u.exec(before)?.[1] ?? "";
  }

  async offer() {
    const begun = this.begun();
    if (!begun) return;
    try {
      const answer = await fetch(`${this.getAttribute("from")}?q=${encodeURIComponent(begun)}`);
      if (!answer.ok || answer.redirected) return this.close();
      const people = await answer.json();
      if (begun === this.begun()) this.show(people);
    } catch {
      this.close(); // the handle can still be typed
    }
  }

  /** @param {{handle: string, name: string}[]} people */
  show(people) {
    const { list } = this;
    if (!list) return;
    list.replaceChildren(...people.map((person, at) => {
      const option = document.createElement("li");
      option.id = `${list.id}-${at}`;
      option.setAttribute("role", "option");
      option.dataset.handle = person.handle;
      const name = document.createElement("span");
      name.textContent = person.name;
      const handle = document.createElement("span");
      handle.className = "soft";
      handle.textContent = `@${person.handle}`;
      option.append(name, " ", handle);
      return option;
    }));
    list.hidden = !people.length;
    this.choose(list.firstElementChild);
  }

  close() {
    if (!this.list) return;
    this.list.hidden = true;
    this.area?.removeAttribute("aria-activedescendant");
  }

  /** @param {Element | null} option */
  choose(option) {
    for (const each of this.list?.children ?? []) each.setAttribute("aria-selected", String(each === option));
    if (option) this.area?.setAttribute("aria-activedescendant", option.id);
    else this.area?.removeAttribute("aria-activedescendant");
  }

  /** @param {KeyboardEvent} event */
  steer(event) {
    const { list } = this;
    if (!list || list.hidden || event.isComposing) return;
    const chosen = list.querySelector("[aria-selected=true]");
    if (event.key === "ArrowDown") this.choose(chosen?.nextElementSibling ?? list.firstElementChild);
    else if (event.key === "ArrowUp") this.choose(chosen?.previousElementSibling ?? list.lastElementChild);
    else if ((event.key === "Enter" || event.key === "Tab") && chosen) this.take(chosen);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {Element} option */
  take(option) {
    const { area } = this;
    if (!area || !(option instanceof HTMLElement)) return;
    const end = area.selectionStart;
    const start = end - this.begun().length;
    area.setRangeText(`${option.dataset.handle} `, start, end, "end");
    this.close();
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}
customElements.define("mention-list", MentionList);
