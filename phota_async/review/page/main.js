// The review page: what people do here, and what the server says about it.

import { confirmAsk, confirmDone, showKeys } from "./dialogs.js";
import { byId } from "./dom.js";
import { Frame } from "./frame.js";
import { listen } from "./keys.js";
import { frameOf, Lens } from "./lens.js";
import * as service from "./service.js";
import { Stage } from "./stage.js";
import { kindOf, Store } from "./store.js";

class Page {
  constructor(state) {
    this.store = new Store(state);
    this.lens = new Lens(() => this.look());
    this.stage = new Stage(this.store, this.lens, this);
    this.frame = new Frame(this.store, this);
    this.isDone = false;
    this.wanted = Promise.resolve(); // decisions are sent one after the other
    this.wire();
    this.show();
    service.follow(
      state.version,
      (news) => this.hear(news),
      (error) => this.lost(error),
    );
  }

  wire() {
    const deeds = {
      undo: () => this.undo(),
      help: () => this.help(),
      done: () => this.done(),
      previous: () => this.step(-1),
      next: () => this.step(1),
      reject: () => this.reject(),
      compare: () => this.slider(),
      zoom: () => this.zoom(),
      ask: () => this.ask(),
      "show-all": () => this.filter("all"),
    };
    for (const [id, deed] of Object.entries(deeds)) byId(id).addEventListener("click", deed);
    byId("filter").addEventListener("change", ({ target }) => this.filter(target.value));
    listen(this);
  }

  get isEmpty() {
    return !byId("empty").hidden;
  }

  show() {
    this.frame.show(); // first: it makes the room that the pictures take
    this.stage.show();
    this.look();
    this.lookAhead();
  }

  // Have the next photo's pictures here before they are wanted.
  lookAhead() {
    const next = this.store.items[this.store.neighbour(1)];
    if (!next || next.number === this.ahead) return;
    this.ahead = next.number;
    const pictures = [...next.variations, ...next.sources]
      .map(({ picture }) => picture)
      .filter((number) => number !== null);
    for (const number of pictures) service.picture(number, "screen", 1).catch(() => {});
  }

  // What the lens changes: sizes and places, no picture.
  look() {
    this.stage.layout();
    const scale = this.shownFrame()?.scale ?? 1;
    this.frame.showZoom(this.lens.isClose, Math.round(scale * devicePixelRatio * 100));
  }

  // Deciding

  pick(index) {
    const variation = this.store.item.variations[index];
    if (!variation || this.isEmpty) return;
    this.decide(
      "/pick",
      { picture: variation.picture },
      { kind: "picked", picture: variation.picture },
      `Picked variation ${index + 1}`,
    );
  }

  reject() {
    if (!this.isEmpty) this.decide("/reject", {}, { kind: "rejected", picture: null }, "Rejected");
  }

  clear() {
    if (!this.isEmpty && this.store.item.choice) this.decide("/clear", {}, null, "Undecided again", false);
  }

  decide(path, body, choice, words, goesOn = true) {
    const { item } = this.store;
    const before = item.choice;
    const isNew = JSON.stringify(before) !== JSON.stringify(choice);
    this.store.items[item.number] = { ...item, choice };
    if (goesOn) this.goOn();
    this.frame.say(`${words}: ${item.key}`);
    this.show();
    if (!isNew) return;
    this.send(async () => {
      try {
        await service.post(path, { item: item.number, ...body });
      } catch (error) {
        this.store.items[item.number] = { ...this.store.items[item.number], choice: before };
        throw error;
      }
    });
  }

  undo() {
    this.send(async () => {
      const { item, version } = await service.post("/undo", {});
      if (item === null) return this.frame.say("There is nothing to undo");
      this.hear(await service.get(`/changes?after=${version - 1}`), false);
      this.store.go(item);
      this.frame.say(`Undone: ${this.store.item.key} is ${kindOf(this.store.item)}`);
      this.show();
    });
  }

  // Send one decision after the other, in the order in which they were made.
  send(deed) {
    this.wanted = this.wanted.then(deed).catch((error) => {
      this.frame.say(`Not written: ${error.message}`, "is-bad");
      this.show();
    });
  }

  async ask() {
    if (this.isEmpty) return;
    const { item, budget, obstacle } = this.store;
    if (!(await confirmAsk(item, budget, obstacle))) return;
    const id = [...crypto.getRandomValues(new Uint8Array(16))]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("");
    this.send(async () => {
      await service.post("/ask", { item: item.number, id, price: item.further.price });
      this.frame.say(`Asked for another variation of ${item.key}`);
    });
  }

  async done() {
    const waiting = this.store.items.flatMap(({ asks }) => asks).filter(({ state }) => state === "open").length;
    if (!(await confirmDone(this.frame.summary("So far"), waiting))) return;
    this.send(async () => {
      this.isDone = true;
      await service.post("/finish", {});
      this.end();
    });
  }

  // Moving about

  go(number) {
    if (number < 0) return;
    this.store.go(number);
    this.show();
  }

  step(direction) {
    this.go(this.store.neighbour(direction));
  }

  goOn() {
    const next = this.store.neighbour(1);
    if (next >= 0) this.store.go(next);
  }

  filter(name) {
    this.store.filter = name;
    const [first] = this.store.listed();
    if (first && !this.store.fits(this.store.item)) this.store.go(first.number);
    this.store.keep();
    this.show();
  }

  // Looking

  slider() {
    if (this.isEmpty) return;
    this.store.isSlider = !this.store.isSlider;
    this.store.keep();
    this.show();
  }

  compareWith(index) {
    this.store.compared = index;
    this.show();
  }

  nextVariation() {
    if (this.store.isSlider) this.compareWith((this.store.compared + 1) % this.store.item.variations.length);
  }

  nextSource() {
    this.store.source += 1;
    this.show();
  }

  zoom() {
    if (!this.isEmpty) this.lens.toggle();
  }

  move(dx, dy) {
    const frame = this.shownFrame();
    if (frame && this.lens.isClose) this.lens.move(dx, dy, frame);
  }

  shownFrame() {
    const root = this.store.isSlider ? byId("lens") : this.stage.views[0]?.root;
    return root && this.stage.base && frameOf(root, this.stage.base, this.lens);
  }

  back() {
    if (this.lens.isClose) this.lens.toggle();
    else if (this.store.isSlider) this.slider();
  }

  help() {
    showKeys();
  }

  // What others do

  hear(news, isTold = true) {
    const before = textOf(this.store.item);
    const { foreign, fresh } = this.store.take(news, service.tab);
    if (isTold && foreign.length) this.frame.say(told(foreign));
    if (isTold && fresh.length) this.frame.say(arrived(fresh));
    if (news.finished) this.end();
    else if (this.isEmpty && fresh.length) this.filter(this.store.filter);
    else if (textOf(this.store.item) !== before) this.show();
    else this.frame.show();
  }

  lost(error) {
    if (error instanceof service.Refused) this.frame.close("The review has ended", error.message);
    else this.end();
  }

  end() {
    const words = this.frame.summary("Written down");
    if (this.isDone) this.frame.close("Finished", `${words} You can close this window.`);
    else this.frame.close("The review has ended", `${words} Start phota review again to go on.`);
  }
}

const textOf = (item) => JSON.stringify({ ...item, tab: "" });

const arrived = ([item, ...more]) =>
  more.length ? `${more.length + 1} more photos are there` : `One more photo is there: ${item.key}`;

function told(items) {
  const [item] = items;
  if (items.length > 1) return `${items.length} photos changed in another window`;
  const made = item.variations.at(-1);
  if (item.tab === "")
    return made?.further && !item.asks.some(({ trouble }) => trouble)
      ? `A further variation of ${item.key} is there`
      : `${item.key}: ${item.asks.at(-1)?.trouble ?? "changed"}`;
  return `In another window: ${item.key} is ${kindOf(item)} now`;
}

try {
  await service.enter();
  new Page(await service.get("/state"));
} catch (error) {
  byId("curtain-title").textContent = "This page needs its address";
  byId("curtain-words").textContent = error.message;
  byId("curtain").hidden = false;
}
