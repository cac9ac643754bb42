// The pictures of the current item: a source and its variations side by side, or two of them under a slider.

import { byId, element } from "./dom.js";
import { frameOf, lookInto, put } from "./lens.js";
import { fill, forget, picture } from "./service.js";
import { Slider } from "./slider.js";

const CAPTION = 45; // CSS pixels below a picture
const TALL = 1.25; // what a source of two rows is worth
const NARROW = matchMedia("(max-width: 760px)");

export class Stage {
  constructor(store, lens, act) {
    Object.assign(this, { store, lens, act, views: [], base: null, shown: null });
    this.panes = byId("panes");
    this.slider = new Slider(this);
    new ResizeObserver(() => this.layout()).observe(byId("work"));
    NARROW.addEventListener("change", () => this.layout());
  }

  // Show the current item; pictures that are shown already stay.
  show() {
    const { item, isSlider } = this.store;
    const focused = document.activeElement?.dataset?.role;
    if (this.shown !== item.key) {
      this.shown = item.key;
      this.base = null;
      this.lens.reset();
      forget();
    }
    this.known = new Map(this.views.map((view) => [view.mark, view]));
    this.views = [];
    this.panes.replaceChildren(...this.make(item));
    byId("work").classList.toggle("is-slider", isSlider);
    this.slider.show(isSlider);
    if (focused) this.panes.querySelector(`[data-role="${focused}"]`)?.focus({ preventScroll: true });
    this.layout();
  }

  make(item) {
    const panes = this.store.isSlider ? [] : [this.sourcePane(item)];
    panes.push(...item.variations.map((variation, index) => this.variationPane(item, variation, index)));
    panes.push(...item.asks.map((ask) => this.askPane(ask)));
    return panes.filter((pane) => pane !== null);
  }

  sourcePane(item) {
    const count = item.sources.length;
    if (!count) return null;
    const source = item.sources[this.store.source % count];
    const label = count > 1 ? `Source ${(this.store.source % count) + 1} of ${count}` : "Source";
    const more = count > 1 ? this.button("source", "Next source", () => this.act.nextSource()) : null;
    const caption = element(
      "div",
      { class: "caption" },
      element("b", {}, label),
      element("span", { class: "file", title: source.name }, source.name),
      more,
    );
    return element(
      "li",
      { class: "pane source" },
      this.view(source.picture, `${label} of ${item.key}`, "source"),
      caption,
    );
  }

  variationPane(item, variation, index) {
    const name = `Variation ${index + 1}`;
    const isPicked = item.choice?.kind === "picked" && item.choice.picture === variation.picture;
    const isCompared = this.store.isSlider && this.store.compared === index;
    const pick = element(
      "button",
      {
        type: "button",
        class: "pick",
        "data-role": `pick-${index}`,
        "aria-pressed": String(isPicked),
        "aria-label": `Pick variation ${index + 1}`,
        "aria-keyshortcuts": index < 9 ? String(index + 1) : null,
      },
      element("kbd", {}, String(index + 1)),
      element("span", {}, isPicked ? "Picked" : "Pick"),
    );
    pick.addEventListener("click", () => this.act.pick(index));
    const caption = element(
      "div",
      { class: "caption" },
      pick,
      element("span", { class: "badges" }, ...badges(variation)),
    );
    const classes = `pane variation${isPicked ? " is-picked" : ""}${isCompared ? " is-compared" : ""}`;
    const onClick = this.store.isSlider ? () => this.act.compareWith(index) : null;
    return element(
      "li",
      { class: classes },
      this.view(variation.picture, `${name} of ${item.key}`, `view-${index}`, onClick),
      caption,
    );
  }

  askPane(ask) {
    const isOpen = ask.state === "open" && !ask.trouble;
    const words = isOpen ? "Being made…" : ask.trouble;
    const mark = isOpen ? element("span", { class: "spinner", "aria-hidden": "true" }) : null;
    const caption = element(
      "div",
      { class: "caption" },
      element(
        "span",
        { class: "badge" },
        isOpen ? `up to ${ask.price}` : ask.state === "failed" ? "not made" : "not there yet",
      ),
    );
    return element(
      "li",
      { class: `pane ask${isOpen ? "" : " is-bad"}` },
      element("div", { class: "view words" }, mark, element("p", {}, words)),
      caption,
    );
  }

  button(role, words, onClick) {
    const made = element("button", { type: "button", class: "quiet", "data-role": role }, words);
    made.addEventListener("click", onClick);
    return made;
  }

  // A picture that can be looked into.
  view(number, label, role, onClick = null) {
    if (number === null) return element("div", { class: "view words" }, element("p", {}, "cannot be shown here"));
    const mark = `${number} ${label} ${onClick ? "compare" : "look"}`;
    const known = this.known.get(mark);
    if (known) {
      this.views.push(known);
      return known.root;
    }
    const image = element("img", { alt: label, draggable: "false" });
    const deed = onClick ? "compare it with the slider" : "look closer";
    const made = element(
      "button",
      { type: "button", class: "view", "data-role": role, "aria-label": `${label}: ${deed}` },
      image,
    );
    const view = { mark, root: made, image, number, size: null, isFull: false, counts: role !== "source" };
    this.views.push(view);
    const [lens, frame] = onClick ? [WHOLE, () => this.wholeOf(view)] : [this.lens, () => this.frame(view)];
    lookInto(made, lens, frame, onClick);
    this.load(view);
    return made;
  }

  async load(view) {
    try {
      await this.fill(view, await picture(view.number, "screen"));
      this.layout();
    } catch (error) {
      view.root.replaceChildren(element("p", {}, error.message));
      view.root.classList.add("words");
    }
  }

  async fill(view, found) {
    await fill(view.image, found);
    view.size = found.width ? { width: found.width, height: found.height } : sizeOf(view.image);
    view.root.classList.add("is-there");
  }

  // Close up, the picture itself is needed where the screen's is smaller.
  async sharpen(view) {
    if (view.isFull || !view.size || view.image.naturalWidth >= view.size.width) return;
    view.isFull = true;
    try {
      await this.fill(view, await picture(view.number, "full"));
      this.layout();
    } catch {
      view.isFull = false; // what there is stays
    }
  }

  // Close up, all views show one region; a whole picture takes all the room that its own shape can have.
  frame(view) {
    return this.lens.isClose ? this.base && frameOf(view.root, this.base, this.lens) : this.wholeOf(view);
  }

  wholeOf(view) {
    const base = view.size ?? this.base;
    return base && frameOf(view.root, base, WHOLE);
  }

  layout() {
    this.base =
      (this.views.find((view) => view.counts && view.size) ?? this.views.find((view) => view.size))?.size ?? null;
    const base = this.base ?? { width: 3, height: 2 };
    this.panes.style.setProperty("--shape", `${base.width} / ${base.height}`);
    const columns = this.columns(base);
    this.panes.style.setProperty("--columns", columns);
    // One cell would stay empty: the source takes it, and is the larger for it.
    this.panes.classList.toggle(
      "is-tall",
      !NARROW.matches && columns > 1 && this.panes.childElementCount === 2 * columns - 1,
    );
    if (!this.base) return;
    const { isSlider } = this.store;
    for (const view of this.views) {
      if (!view.size) continue;
      put(view.image, view.size, isSlider ? this.wholeOf(view) : this.frame(view));
      view.root.classList.toggle("is-close", this.lens.isClose && !isSlider);
      if (this.lens.isClose && !isSlider) this.sharpen(view);
    }
    this.slider.layout();
  }

  // As many columns as make the pictures largest; a little smaller will do where the source gets two rows.
  columns(base) {
    const count = this.panes.childElementCount;
    if (NARROW.matches) return 2;
    if (this.store.isSlider) return 1;
    const { clientWidth, clientHeight } = this.panes;
    const widths = Array.from({ length: count }, (_, index) => {
      const [columns, rows] = [index + 1, Math.ceil(count / (index + 1))];
      const width = Math.min(clientWidth / columns, (clientHeight / rows - CAPTION) * (base.width / base.height));
      return index && count === 2 * columns - 1 ? width * TALL : width;
    });
    return widths.indexOf(Math.max(...widths)) + 1;
  }
}

const WHOLE = { isClose: false, x: 0.5, y: 0.5, point: null, toggle() {}, closer() {}, move() {} };

const sizeOf = (image) => ({ width: image.naturalWidth, height: image.naturalHeight });

function badges(variation) {
  const made = [
    ...variation.found.map((name) => badge("good", "✓", name, "recognised")),
    ...variation.missing.map((name) => badge("odd", "✗", name, "not recognised")),
  ];
  if (variation.further) made.push(element("span", { class: "badge" }, "asked for"));
  if (variation.price) made.push(element("span", { class: "badge price" }, variation.price));
  return made;
}

const badge = (tone, mark, name, words) =>
  element(
    "span",
    { class: `badge ${tone}`, title: `${name}: ${words}` },
    element("span", { "aria-hidden": "true" }, mark),
    " ",
    name,
    element("span", { class: "unseen" }, ` ${words}`),
  );
