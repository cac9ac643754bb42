// Everything around the pictures: what is done, what is shown, what was just said.

import { byId, element } from "./dom.js";
import { fill, picture } from "./service.js";
import { FILTERS, kindOf } from "./store.js";

const SHOWN = 5000; // milliseconds that a word stays
const SUBJECT = /\[\[\s*([^[\]]+?)\s*\]\]/g;

export class Frame {
  constructor(store, act) {
    this.store = store;
    this.act = act;
    this.thumbs = new IntersectionObserver(
      (seen) => seen.filter(({ isIntersecting }) => isIntersecting).forEach(({ target }) => this.fill(target)),
      { root: byId("strip"), rootMargin: "0px 400px" },
    );
    this.timer = 0;
    byId("title").textContent = store.folder || "Review";
    document.title = `Review of ${store.folder}`;
  }

  // What run it is, and how large by now.
  head() {
    const { operation, items, pictureless, ended } = this.store;
    const count = `${items.length} ${items.length === 1 ? "photo" : "photos"}${ended ? "" : " so far"}`;
    const kind = operation === "mixed" ? "" : `${operation}, `;
    const without = pictureless ? `; ${pictureless} without a picture` : "";
    byId("subtitle").textContent = `${kind}${count}${without}`;
    byId("subtitle").title = ended ? "" : "The run has not ended: what it adds appears here.";
  }

  show() {
    const { store } = this;
    const { item } = store;
    const isListed = store.listed().length > 0;
    this.head();
    this.progress();
    byId("empty").hidden = isListed || store.filter === "all";
    byId("work").hidden = byId("about").hidden = !byId("empty").hidden;
    byId("empty-words").textContent =
      store.filter === "undecided" ? this.summary("Everything is decided") : `No photo is ${store.filter}.`;
    this.about(item);
    for (const name of ["reject", "compare", "zoom", "ask"]) byId(name).disabled = !byId("empty").hidden;
    byId("previous").disabled = store.neighbour(-1) < 0;
    byId("next").disabled = store.neighbour(1) < 0;
    byId("undo").disabled = store.undoable === null;
    this.press("reject", item.choice?.kind === "rejected");
    this.press("compare", store.isSlider);
    byId("ask-price").textContent = store.obstacle ? "" : `up to ${item.further.text}`;
    byId("ask").classList.toggle("is-off", store.obstacle !== "");
    this.strip();
  }

  showZoom(isClose, percent) {
    this.press("zoom", isClose);
    byId("zoom-words").textContent = isClose ? `${percent}\u00a0%` : "100\u00a0%";
  }

  press(id, isOn) {
    byId(id).setAttribute("aria-pressed", String(isOn));
  }

  progress() {
    const { store } = this;
    const all = store.items.length;
    const decided = all - store.count("undecided");
    byId("count").textContent = `${decided} of ${all} decided`;
    Object.assign(byId("meter"), { max: all, value: decided });
    for (const name of FILTERS) {
      const input = document.querySelector(`input[name=filter][value=${name}]`);
      input.checked = store.filter === name;
      input.nextElementSibling.querySelector("b").textContent = store.count(name);
    }
    byId("done").classList.toggle("is-ready", decided === all);
  }

  summary(beginning) {
    const { store } = this;
    return `${beginning}: ${store.count("picked")} picked, ${store.count("rejected")} rejected, ${store.count("undecided")} undecided.`;
  }

  about(item) {
    byId("name").textContent = item.key;
    byId("prompt").replaceChildren(...words(item.prompt, item.names));
    const spent = item.price
      ? `${item.price} for ${item.variations.filter(({ further }) => !further).length}`
      : "no price known";
    const lost = item.missing.length ? `not recognised: ${item.missing.join(", ")}` : "";
    byId("facts").replaceChildren(
      element("span", { class: `state ${kindOf(item)}` }, kindOf(item)),
      element("span", {}, `${item.number + 1} of ${this.store.items.length}`),
      element("span", {}, spent),
      ...(lost ? [element("span", { class: "lost" }, lost)] : []),
    );
  }

  strip() {
    const { store } = this;
    const listed = store.listed();
    const shown =
      listed.includes(store.item) || !listed.length
        ? listed
        : [...listed, store.item].sort((a, b) => a.number - b.number);
    this.arrange(shown);
    const current = byId("strip").querySelector(`[data-number="${store.current}"]`);
    for (const each of byId("strip").querySelectorAll("[aria-current]")) mark(each, false);
    if (!current) return;
    mark(current.firstElementChild, true);
    if (this.at !== store.current) reveal(current);
    this.at = store.current;
  }

  // Change as little as possible: of thousands of small pictures mostly one comes or goes.
  arrange(shown) {
    const strip = byId("strip");
    const wanted = new Set(shown.map(markOf));
    for (const each of [...strip.children]) if (!wanted.has(each.dataset.mark)) each.remove();
    let place = strip.firstElementChild;
    for (const item of shown) {
      if (place?.dataset.mark === markOf(item)) {
        place = place.nextElementSibling;
      } else {
        const made = this.thumb(item);
        strip.insertBefore(made, place);
        this.thumbs.observe(made);
      }
    }
  }

  thumb(item) {
    const kind = kindOf(item);
    const image = element("img", { alt: "", draggable: "false" });
    const button = element(
      "button",
      { type: "button", tabindex: "-1", "aria-label": `${item.number + 1}, ${item.key}, ${kind}`, title: item.key },
      image,
    );
    button.addEventListener("click", () => this.act.go(item.number));
    return element("li", { class: kind, "data-number": item.number, "data-mark": markOf(item) }, button);
  }

  async fill(target) {
    this.thumbs.unobserve(target);
    const item = this.store.items[Number(target.dataset.number)];
    const picked = item.choice?.kind === "picked" ? item.choice.picture : null;
    const number =
      picked ?? item.sources.find((source) => source.picture !== null)?.picture ?? item.variations[0].picture;
    const image = target.querySelector("img");
    try {
      await fill(image, await picture(number, "thumb"));
    } catch {
      image.remove();
    }
  }

  say(sentence, tone = "") {
    const toast = byId("toast");
    toast.textContent = sentence;
    toast.className = `toast is-shown ${tone}`;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => toast.classList.remove("is-shown"), SHOWN);
  }

  close(title, sentence) {
    byId("curtain-title").textContent = title;
    byId("curtain-words").textContent = sentence;
    byId("curtain").hidden = false;
    for (const each of document.body.children) if (each.id !== "curtain") each.inert = true;
    for (const each of document.querySelectorAll("dialog[open]")) each.close();
  }
}

const markOf = (item) => `${item.number} ${kindOf(item)} ${item.choice?.picture ?? ""}`;

// A prompt, with people's names in place of their ids.
function words(prompt, names) {
  const pieces = [];
  let end = 0;
  for (const match of prompt.matchAll(SUBJECT)) {
    pieces.push(
      prompt.slice(end, match.index),
      element("b", { class: "subject", title: match[1] }, Object.hasOwn(names, match[1]) ? names[match[1]] : match[1]),
    );
    end = match.index + match[0].length;
  }
  return [...pieces, prompt.slice(end)].filter((piece) => piece !== "");
}

function mark(button, isCurrent) {
  button.tabIndex = isCurrent ? 0 : -1;
  if (isCurrent) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
}

function reveal(thumb) {
  const strip = thumb.parentElement;
  strip.scrollTo({ left: thumb.offsetLeft - (strip.clientWidth - thumb.clientWidth) / 2, behavior: "auto" });
}
