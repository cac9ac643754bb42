"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const [tools, filter, sort, shown, sheet, nothing] =
    ["tools", "filter", "sort", "shown", "sheet", "nothing"].map(byId);
  const cards = [...sheet.querySelectorAll(".card")];
  const words = new Map(cards.map((card) => [card, card.textContent.toLowerCase()]));
  const number = (card, name) => Number(card.dataset[name]);
  const orders = {
    rank: (a, b) => number(a, "rank") - number(b, "rank"),
    number: () => 0,
    operation: (a, b) => a.dataset.operation.localeCompare(b.dataset.operation),
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
    let count = 0;
    for (const card of cards) {
      card.hidden = !wanted.every((word) => words.get(card).includes(word));
      count += card.hidden ? 0 : 1;
    }
    shown.textContent = count === cards.length ? `${count} shown` : `${count} of ${cards.length} shown`;
    nothing.hidden = count > 0 || cards.length === 0;
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== filter) {
      event.preventDefault();
      filter.focus();
    }
  });
  tools.addEventListener("submit", (event) => event.preventDefault());
  filter.addEventListener("input", narrow);
  sort.addEventListener("change", arrange);
  tools.hidden = cards.length === 0;
  narrow();
})();
