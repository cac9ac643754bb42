"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const sheet = byId("sheet"), filter = byId("filter"), sort = byId("sort"), tools = byId("tools");
  const view = byId("view"), help = byId("help");
  const cards = [...sheet.querySelectorAll(".card")];
  let current = null;

  // Pictures that wait at the end of the page

  const shelves = new Map();
  const perShelf = Number(sheet.dataset.shelf);
  const pictureAt = (at) => {
    const number = Math.floor(at / perShelf);
    if (!shelves.has(number)) shelves.set(number, byId(`pictures-${number}`).textContent.split("\n"));
    return `data:image/jpeg;base64,${shelves.get(number)[at % perShelf]}`;
  };
  const fetchPictures = (card) => {
    for (const image of card.querySelectorAll("img[data-at]")) {
      image.src = pictureAt(Number(image.dataset.at));
      image.removeAttribute("data-at");
    }
  };
  const watchCards = () => {
    const near = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting) fetchPictures(target);
    }, { rootMargin: "1500px 0px" });
    for (const card of cards) near.observe(card);
  };
  if ("oncontentvisibilityautostatechange" in sheet) {  // the browser watches the cards anyway: costs nothing more
    sheet.addEventListener("contentvisibilityautostatechange", (event) => event.skipped || fetchPictures(event.target));
  } else if (sheet.classList.contains("many")) {
    watchCards();
  }
  addEventListener("beforeprint", () => cards.forEach(fetchPictures));

  // Search, sort, filter

  const wordsOf = (card) => {
    const found = card.querySelectorAll(".open, .operation, .status, .prompt, .spoken, .trouble, .face, .chosen, .rejected, figcaption bdi");
    const people = card.querySelectorAll(".subject, .face");
    return [...[...found].map((each) => each.textContent), ...[...people].map((each) => each.title)].join(" ").toLowerCase();
  };
  let words = null;
  const number = (card, name) => Number(card.dataset[name]);
  const nameOf = (card) => card.querySelector(".open").textContent;
  const { compare } = new Intl.Collator(undefined, { numeric: true });
  const orders = {
    rank: (a, b) => number(a, "rank") - number(b, "rank"),
    number: () => 0,
    name: (a, b) => compare(nameOf(a), nameOf(b)),
    cents: (a, b) => number(b, "cents") - number(a, "cents"),
    seconds: (a, b) => number(b, "seconds") - number(a, "seconds"),
  };

  const arrange = () => {
    const order = orders[sort.value];
    cards.sort((a, b) => order(a, b) || number(a, "number") - number(b, "number"));
    sheet.append(...cards);
  };

  const narrow = () => {
    const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (wanted.length) words ??= new Map(cards.map((card) => [card, wordsOf(card)]));
    const kind = tools.elements.kind?.value ?? "";
    let count = 0;
    for (const card of cards) {
      const fits = (!kind || card.dataset.kind === kind) && wanted.every((word) => words.get(card).includes(word));
      card.hidden = !fits;
      count += fits ? 1 : 0;
    }
    byId("shown").textContent = count === cards.length ? `${count} shown` : `${count} of ${cards.length} shown`;
    byId("nothing").hidden = count > 0 || cards.length === 0;
  };

  tools.addEventListener("submit", (event) => event.preventDefault());
  filter.addEventListener("input", narrow);
  sort.addEventListener("change", arrange);
  tools.addEventListener("change", (event) => event.target.name === "kind" && narrow());

  // From card to card

  const shown = () => cards.filter((card) => !card.hidden);
  const choose = (card) => {
    if (!card) return;
    current = card;
    card.querySelector(".open").focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
  };
  const onScreen = (list) => list.find((card) => card.getBoundingClientRect().bottom > 160) ?? list.at(-1);
  const step = (by) => {
    const list = shown();
    const at = list.indexOf(current);
    choose(at < 0 ? onScreen(list) : list[Math.min(Math.max(at + by, 0), list.length - 1)]);
  };
  const columns = () => getComputedStyle(sheet).gridTemplateColumns.split(" ").length;

  sheet.addEventListener("focusin", (event) => { current = event.target.closest(".card") ?? current; });
  sheet.addEventListener("click", (event) => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const card = event.target.closest(".card");
    if (!card || !event.target.closest(".open, .pane figure")) return;
    event.preventDefault();
    open(card);
  });

  // The large view

  let opened = null;
  const open = (card) => {
    current = opened = card;
    fetchPictures(card);
    const pair = card.querySelector(".pair").cloneNode(true);
    const about = card.querySelector(".words").cloneNode(true);
    about.querySelector("h2").remove();
    byId("view-title").replaceChildren(...card.querySelector("h2").cloneNode(true).childNodes);
    byId("view-title").querySelector(".open").replaceWith(nameOf(card));
    byId("view-stage").replaceChildren(pair, about);
    view.className = card.className.replace("card", "");
    const list = shown();
    byId("view-place").textContent = `${list.indexOf(card) + 1} of ${list.length}`;
    if (!view.open) view.showModal();
    byId("view-title").focus();
    view.scrollTop = 0;
  };
  const turn = (by) => {
    const list = shown();
    const card = list[list.indexOf(current) + by];
    if (card) open(card);
  };
  const openFull = (within) => {
    const link = within.querySelector(".result a");
    if (link) window.open(link.href, "_blank", "noopener");
  };

  byId("view-previous").addEventListener("click", () => turn(-1));
  byId("view-next").addEventListener("click", () => turn(1));
  byId("view-close").addEventListener("click", () => view.close());
  byId("help-close").addEventListener("click", () => help.close());
  byId("keys").addEventListener("click", () => help.showModal());
  view.addEventListener("close", () => choose(opened));  // the browser went back to where one came from
  for (const dialog of [view, help]) {
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }

  // Keys

  const inView = {
    ArrowLeft: () => turn(-1), k: () => turn(-1), ArrowRight: () => turn(1), j: () => turn(1),
    Home: () => open(shown()[0]), End: () => open(shown().at(-1)), o: () => openFull(view),
  };
  const anywhere = {
    j: () => step(1), k: () => step(-1),
    "/": () => { filter.focus(); filter.select(); },
    "?": () => help.showModal(),
  };
  const inSheet = {
    ArrowRight: () => step(1), ArrowLeft: () => step(-1),
    ArrowDown: () => step(columns()), ArrowUp: () => step(-columns()),
    Home: () => choose(shown()[0]), End: () => choose(shown().at(-1)),
    o: () => openFull(current),
  };
  const keysOf = (target) => {
    if (help.open) return {};
    if (view.open) return inView;
    return sheet.contains(target) ? { ...anywhere, ...inSheet } : anywhere;
  };
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (target === filter && key === "Escape") {
      filter.value = "";
      narrow();
      filter.blur();
    } else if (target.matches("input, select, textarea")) {
      return;
    } else if (Object.hasOwn(keysOf(target), key)) {
      event.preventDefault();
      keysOf(target)[key]();
    }
  });

  const advice = document.querySelector(".todo details");
  if (advice && matchMedia("(max-width: 560px)").matches) advice.open = false;
  tools.hidden = cards.length === 0;
  narrow();
})();
