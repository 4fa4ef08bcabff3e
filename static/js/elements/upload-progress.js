// @ts-check
/**
 * <upload-progress largest="500000000"><form method="post" enctype="multipart/form-data">…<input type="file" multiple></form><ul data-list></ul></upload-progress>
 * The form sends its files one after the other, each with its progress and a button that stops it. What was stopped has
 * left nothing on the server. XHR, because fetch tells nothing about what was sent.
 *
 * Within a form that has more to say, `to` takes its files in as soon as they are chosen, pasted or dropped, and `here`
 * is the page that shows what has arrived.
 */
class UploadProgress extends HTMLElement {
  connectedCallback() {
    this.to = this.getAttribute("to");
    this.form = this.to ? this.closest("form") : this.querySelector("form");
    this.input = this.querySelector("input[type=file]");
    /** @type {(() => Promise<void>)[]} */
    this.queue = [];
    if (this.to) this.beside();
    else this.form?.addEventListener("submit", (event) => {
      if (!(this.input instanceof HTMLInputElement) || !this.input.files?.length) return;
      event.preventDefault();
      for (const file of this.input.files) this.add(file);
      this.input.value = "";
      this.run();
    });
    addEventListener("beforeunload", (event) => this.running && event.preventDefault());
  }

  /** Files of a form that has more to say go at once; its button waits for them. */
  beside() {
    const { form, input } = this;
    if (!form || !(input instanceof HTMLInputElement)) return;
    const chosen = () => this.take(input.files) && (input.value = "");
    input.addEventListener("change", chosen);
    chosen(); // somebody was quicker than this script
    form.addEventListener("paste", (event) => this.take(event.clipboardData?.files) && event.preventDefault());
    form.addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      form.classList.add("is-over");
    });
    for (const over of ["dragleave", "drop"]) form.addEventListener(over, () => form.classList.remove("is-over"));
    form.addEventListener("drop", (event) => this.take(event.dataTransfer?.files) && event.preventDefault());
    form.addEventListener(
      "submit",
      (event) => {
        if (!this.running) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        this.say("Your files are still on their way. Send it when they have arrived, or cancel them.");
      },
      { capture: true },
    );
  }

  /** @param {FileList | null | undefined} files @returns {boolean} whether there were any */
  take(files) {
    if (!files?.length) return false;
    for (const file of files) this.add(file);
    this.run();
    return true;
  }

  async run() {
    if (this.running) return;
    this.running = true;
    for (let next = this.queue?.shift(); next; next = this.queue?.shift()) await next();
    this.running = false;
    await this.refresh();
  }

  /** @param {File} file */
  add(file) {
    const row = document.createElement("li");
    row.className = "upload__row";
    const words = row.appendChild(document.createElement("span"));
    const stop = row.appendChild(document.createElement("button"));
    const bar = row.appendChild(document.createElement("progress"));
    stop.type = "button";
    stop.className = "btn btn--quiet btn--small";
    stop.textContent = "Cancel";
    stop.setAttribute("aria-label", `Cancel ${file.name}`);
    bar.max = file.size || 1;
    bar.value = 0;
    bar.setAttribute("aria-label", `Upload of ${file.name}`);
    this.querySelector("[data-list]")?.append(row);

    const xhr = new XMLHttpRequest();
    let over = false;
    /** @param {string} said @param {boolean} [bad] */
    const end = (said, bad) => {
      over = true;
      words.textContent = said;
      row.classList.toggle("upload__row--bad", Boolean(bad));
      stop.remove();
      bar.remove();
      this.say(said);
    };
    stop.addEventListener("click", () => {
      xhr.abort();
      end(`${file.name}: cancelled, nothing of it was kept`);
      this.input instanceof HTMLElement && this.input.focus();
    });
    words.textContent = `${file.name}: waiting`;
    const largest = Number(this.getAttribute("largest"));
    if (largest && file.size > largest) return end(`${file.name} is ${megabytes(file.size)}; at most ${megabytes(largest)} can be sent.`, true);
    this.queue?.push(
      () =>
        new Promise((done) => {
          if (over) return done();
          xhr.upload.addEventListener("progress", (event) => {
            bar.value = Math.min(event.loaded, bar.max);
            words.textContent = event.loaded < event.total ? `${file.name}: ${Math.round((100 * event.loaded) / event.total)} % of ${megabytes(file.size)}` : `${file.name}: being looked at`;
          });
          xhr.addEventListener("loadend", () => {
            if (!over) this.answered(xhr, file, row, end);
            done();
          });
          const body = new FormData();
          const token = this.form?.querySelector("[name=csrf_token]");
          body.append("csrf_token", token instanceof HTMLInputElement ? token.value : "");
          body.append("files", file);
          xhr.open("POST", this.to ?? this.form?.action ?? "");
          xhr.setRequestHeader("Accept", "application/json");
          xhr.send(body);
        }),
    );
  }

  /** @param {XMLHttpRequest} xhr @param {File} file @param {HTMLElement} row @param {(said: string, bad?: boolean) => void} end */
  answered(xhr, file, row, end) {
    let answer;
    try {
      answer = JSON.parse(xhr.responseText);
    } catch {
      answer = null;
    }
    if (xhr.status === 200 && answer) {
      end(`${answer.name}: arrived, ${answer.facts}`);
      row.hidden = Boolean(this.to); // the list below shows it with what there is to say of it
      return;
    }
    if (answer?.message) return end(answer.message, true);
    if (xhr.responseURL.includes("/sign-in")) return end(`${file.name}: you are signed out. Sign in again, then send it once more.`, true);
    return end(`${file.name} did not arrive${xhr.status ? ` (${xhr.status})` : ""}. Nothing of it was kept; send it once more.`, true);
  }

  /** The list of what has arrived, as the page shows it now; names and places typed meanwhile stay. */
  async refresh() {
    const old = document.getElementById("waiting");
    const answer = await fetch(this.getAttribute("here") ?? location.pathname).catch(() => null);
    if (!old || !answer?.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("waiting");
    if (!fresh) return;
    for (const field of old.querySelectorAll("input:not([type=hidden]), textarea")) {
      const same = fresh.querySelector(`[name="${CSS.escape(field.getAttribute("name") ?? "")}"]`);
      if (field instanceof HTMLInputElement && field.type !== "checkbox" && same instanceof HTMLInputElement) same.value = field.value;
      if (field instanceof HTMLTextAreaElement && same instanceof HTMLTextAreaElement) same.value = field.value;
    }
    old.replaceWith(fresh);
    if (this.to) fresh.dispatchEvent(new Event("input", { bubbles: true })); // so that a draft knows of them
  }

  /** @param {string} said */
  say(said) {
    const place = this.querySelector("[data-said]");
    if (place) place.textContent = said;
  }
}

/** @param {number} bytes */
function megabytes(bytes) {
  return bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

customElements.define("upload-progress", UploadProgress);
