// Talks to the server of this review, and to nobody else.

const HEADER = "Phota-Review-Token";
const KEPT = { thumb: 400, screen: 48, full: 10 }; // pictures that stay in memory, by size
const MOST_AT_ONCE = 2; // pictures on their way: a browser has six connections, and a decision must not wait for one
const SLOT = "phota-review-token";

export const tab = [...crypto.getRandomValues(new Uint8Array(8))].map((b) => b.toString(16).padStart(2, "0")).join("");
let token = "";

export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

// Take the token off the address, where it would stay in the history, or from this browser's memory of this server.
export async function enter() {
  const mark = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  if (mark.startsWith("ticket=")) {
    token = (await post("/token", { ticket: mark.slice(7) }, false)).token;
  } else {
    token = mark && mark !== "stage" ? mark : localStorage.getItem(SLOT) || "";
  }
  localStorage.setItem(SLOT, token);
}

export const get = (path, options = {}) =>
  call(path, { ...options, headers: { [HEADER]: token } }).then((r) => r.json());

export const post = (path, body, isKnown = true) =>
  call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(isKnown ? { [HEADER]: token } : {}) },
    body: JSON.stringify(isKnown ? { ...body, tab } : body),
  }).then((r) => r.json());

async function call(path, options) {
  const response = await fetch(path, { cache: "no-store", credentials: "omit", ...options });
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({ error: response.statusText }));
  throw new Refused(response.status, error);
}

// Pictures come through fetch, since an <img> cannot send the token; the last ones are kept. What is looked at comes
// first, then what is next, then the small ones below.
const shelves = { thumb: new Map(), screen: new Map(), full: new Map() };
const SOON = 2; // ranks below it are for the photo that is looked at, and the next one
let queue = [];
let loading = 0;

export function picture(number, size, rank = size === "thumb" ? SOON : 0) {
  const shelf = shelves[size];
  const found = shelf.get(number) ?? load(number, size);
  found.rank = Math.min(found.rank, rank);
  shelf.delete(number);
  shelf.set(number, found);
  if (shelf.size > KEPT[size]) shelf.delete(shelf.keys().next().value);
  queueMicrotask(proceed);
  return found.promise;
}

// Another photo is looked at: what is not on its way yet, and is no small picture, need not come any more.
export function forget() {
  for (const order of queue.filter(({ rank }) => rank < SOON)) order.drop();
  queue = queue.filter(({ rank }) => rank >= SOON);
}

function load(number, size) {
  const order = { rank: SOON };
  order.promise = new Promise((resolve, reject) => {
    order.start = () => fetchPicture(number, size).then(resolve, reject);
    order.drop = () => reject(new Refused(0, "not looked at any more"));
  });
  order.promise.catch(() => {
    if (shelves[size].get(number) === order) shelves[size].delete(number);
  });
  queue.push(order);
  return order;
}

function proceed() {
  while (loading < MOST_AT_ONCE && queue.length) {
    const best = queue.reduce((first, order) => (order.rank < first.rank ? order : first));
    queue.splice(queue.indexOf(best), 1);
    loading += 1;
    best.start().finally(() => {
      loading -= 1;
      proceed();
    });
  }
}

async function fetchPicture(number, size) {
  const response = await call(`/pictures/${number}/${size}`, { headers: { [HEADER]: token } });
  const [width, height] = (response.headers.get("Phota-Picture-Size") || "0x0").split("x").map(Number);
  return { blob: await response.blob(), width, height };
}

// Put a picture into an image; resolves when it can be seen.
export async function fill(image, { blob }) {
  const url = URL.createObjectURL(blob);
  try {
    image.src = url;
    await image.decode();
  } finally {
    URL.revokeObjectURL(url);
  }
}

// Tell what other pages and the server change, for as long as both are there. A page that nobody sees does not wait:
// it would take a connection from those that are seen.
export async function follow(version, onChange, onLost) {
  let misses = 0;
  for (;;) {
    if (document.hidden)
      await new Promise((wake) => document.addEventListener("visibilitychange", wake, { once: true }));
    try {
      const news = await get(`/changes?after=${version}`);
      misses = 0;
      version = news.version;
      onChange(news);
      if (news.finished) return;
    } catch (error) {
      misses += 1;
      if (error instanceof Refused || misses > 3) return onLost(error);
      await new Promise((wake) => setTimeout(wake, 250 * 2 ** misses));
    }
  }
}
