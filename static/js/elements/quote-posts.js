// Around the posts of a thread: "Quote" puts the words into the reply that is being written, without leaving the page.
// What is marked in the post is quoted alone. Without script the link opens the page with the quotation in its form.
class QuotePosts extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-quote]");
      const field = document.querySelector("#reply textarea");
      if (!link || !field || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.#quote(link, field).catch(() => { location.href = link.href; });
    });
  }

  async #quote(link, field) {
    const marked = this.#marked(link.closest(".post"));
    const answer = await fetch(`/posts/${link.dataset.quote}/quote`);
    if (!answer.ok) throw new Error(answer.statusText);
    let quotation = await answer.text();
    if (marked) {
      const lines = marked.split("\n").map((line) => `> ${line}`.trimEnd());
      quotation = [quotation.split("\n", 1)[0], ">", ...lines, "", ""].join("\n");
    }
    const before = field.value.trimEnd();
    field.value = before ? `${before}\n\n${quotation}` : quotation;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
    field.scrollIntoView({ block: "nearest" });
  }

  #marked(post) {
    const selection = getSelection();
    const body = post.querySelector(".post__body");
    if (selection.isCollapsed || !body.contains(selection.anchorNode) || !body.contains(selection.focusNode)) return "";
    return selection.toString().trim();
  }
}
customElements.define("quote-posts", QuotePosts);
