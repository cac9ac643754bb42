// What this page knows: the items, the place in them, and what is shown.

const SLOT = "phota-review-place"; // of this tab: a reload comes back to the same photo
export const FILTERS = ["undecided", "all", "picked", "rejected"];

export const kindOf = (item) => item.choice?.kind ?? "undecided";

export class Store {
  constructor(state) {
    Object.assign(this, state);
    const kept = JSON.parse(sessionStorage.getItem(SLOT) || "{}");
    const isSame = kept.run === this.run;
    this.filter = isSame && FILTERS.includes(kept.filter) ? kept.filter : this.count("undecided") ? "undecided" : "all";
    this.isSlider = isSame && kept.isSlider === true;
    this.share = isSame && kept.share >= 0 ? kept.share : 50;
    this.compared = 0;
    this.source = 0;
    this.current = isSame && kept.current < this.items.length ? kept.current : (this.listed()[0]?.number ?? 0);
  }

  get item() {
    return this.items[this.current];
  }

  count(kind) {
    return kind === "all" ? this.items.length : this.items.filter((item) => kindOf(item) === kind).length;
  }

  fits(item) {
    return this.filter === "all" || kindOf(item) === this.filter;
  }

  listed() {
    return this.items.filter((item) => this.fits(item));
  }

  // The next fitting item in a direction; going forward, the search begins anew at the front.
  neighbour(step) {
    const all = this.items.length;
    for (let at = this.current + step; at >= 0 && at < all; at += step) if (this.fits(this.items[at])) return at;
    if (step > 0 && this.filter === "undecided") return this.items.findIndex((item) => this.fits(item));
    return -1;
  }

  go(number) {
    this.current = number;
    this.compared = 0;
    this.source = 0;
    this.keep();
  }

  // Take news of the server; returns what another page changed, and what the run added.
  take(news, tab) {
    const fresh = news.items.filter((item) => item.number >= this.items.length);
    const foreign = news.items.filter((item) => item.tab !== tab && item.number < this.items.length);
    for (const item of news.items) this.items[item.number] = item;
    for (const name of ["version", "undoable", "budget", "finished", "pictureless", "ended"])
      this[name] = news[name];
    return { foreign, fresh };
  }

  // Why the current item cannot be asked for again, or "".
  get obstacle() {
    const { further } = this.item;
    if (this.budget.reason) return this.budget.reason;
    if (further.reason) return further.reason;
    if (Number(further.price) > Number(this.budget.exact))
      return `the budget of ${this.budget.cap} has ${this.budget.left} left, and a variation costs up to ${further.text}`;
    return "";
  }

  keep() {
    const { run, filter, current, isSlider, share } = this;
    sessionStorage.setItem(SLOT, JSON.stringify({ run, filter, current, isSlider, share }));
  }
}
