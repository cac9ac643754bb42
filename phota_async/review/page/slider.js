// Two pictures one upon the other, and a line between what shows of either.

import { byId } from "./dom.js";
import { frameOf, lookInto, put } from "./lens.js";
import { picture } from "./service.js";

export class Slider {
  constructor(stage) {
    this.stage = stage;
    this.root = byId("lens");
    this.sides = { before: this.side("before"), after: this.side("after") };
    this.share = byId("share");
    this.share.addEventListener("input", () => this.slide(Number(this.share.value)));
    lookInto(this.root, stage.lens, () => stage.base && frameOf(this.root, stage.base, stage.lens));
    byId("handle").addEventListener("pointerdown", (event) => this.grip(event));
  }

  side = (name) => ({ root: this.root, image: byId(name), number: null, size: null, isFull: false });

  show(isOn) {
    byId("slider").hidden = !isOn;
    if (!isOn) return;
    const { item, compared, source, share } = this.stage.store;
    const sources = item.sources.filter(({ picture }) => picture !== null);
    const other = compared === 0 ? 1 : 0;
    const before = sources.length
      ? sources[source % sources.length].picture
      : (item.variations[other] ?? item.variations[0]).picture;
    const name = sources.length ? "Source" : `Variation ${other + 1}`;
    this.set(this.sides.before, before, `${name} of ${item.key}`);
    this.set(this.sides.after, item.variations[compared].picture, `Variation ${compared + 1} of ${item.key}`);
    [byId("before-tag").textContent, byId("after-tag").textContent] = [name, `Variation ${compared + 1}`];
    this.slide(share);
  }

  async set(side, number, label) {
    side.image.alt = label;
    if (side.number === number) return;
    Object.assign(side, { number, size: null, isFull: false });
    try {
      const small = await picture(number, "screen");
      if (side.number !== number) return;
      await this.stage.fill(side, small);
      this.stage.layout();
    } catch (error) {
      if (side.number !== number) return;
      side.number = null;
      side.image.alt = `${label}: ${error.message}`;
    }
  }

  slide(share) {
    const { store } = this.stage;
    store.share = Math.round(Math.min(Math.max(share, 0), 100));
    store.keep();
    this.share.value = String(store.share);
    this.share.setAttribute("aria-valuetext", `${store.share} % before`);
    this.layout();
  }

  grip(event) {
    event.stopPropagation();
    event.preventDefault();
    const handle = event.currentTarget;
    handle.setPointerCapture(event.pointerId);
    const box = this.root.getBoundingClientRect();
    const move = ({ clientX }) => this.slide(((clientX - box.left) / box.width) * 100);
    handle.addEventListener("pointermove", move);
    handle.addEventListener("lostpointercapture", () => handle.removeEventListener("pointermove", move), {
      once: true,
    });
    handle.addEventListener("click", (click) => click.stopPropagation(), { once: true });
  }

  layout() {
    const { base, lens, store } = this.stage;
    if (!base || !store.isSlider) return;
    const frame = frameOf(this.root, base, lens);
    const line = (store.share / 100) * this.root.clientWidth;
    for (const side of Object.values(this.sides)) {
      if (!side.size) continue;
      put(side.image, side.size, frame);
      if (lens.isClose) this.stage.sharpen(side);
    }
    this.root.style.setProperty("--line", `${line}px`);
    this.root.classList.toggle("is-close", lens.isClose);
    const { before } = this.sides;
    const left = parseFloat(before.image.style.transform.slice("translate(".length)) || 0;
    before.image.style.clipPath = `inset(0 ${Math.max(0, parseFloat(before.image.style.width) - (line - left))}px 0 0)`;
  }
}
