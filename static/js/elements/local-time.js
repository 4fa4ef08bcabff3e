// @ts-check
/** <local-time><time datetime="2026-10-12T14:05:00Z">12 Oct</time></local-time>: for readers whose zone only their browser knows. */
class LocalTime extends HTMLElement {
  connectedCallback() {
    for (const time of this.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.getAttribute("datetime") ?? "");
      if (Number.isNaN(moment.getTime())) continue;
      const year = moment.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
      const format = new Intl.DateTimeFormat(document.documentElement.lang, { day: "numeric", month: "short", year });
      time.textContent = format.format(moment);
      time.setAttribute("title", moment.toLocaleString(document.documentElement.lang, { dateStyle: "full", timeStyle: "short" }));
    }
  }
}
customElements.define("local-time", LocalTime);
