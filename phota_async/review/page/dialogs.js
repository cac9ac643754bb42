// What is asked before it is done, and the list of keys.

import { byId, element } from "./dom.js";
import { KEYS } from "./keys.js";

export function showKeys() {
  const rows = KEYS.flatMap(({ shown, words }) => [
    element("dt", {}, element("kbd", {}, shown)),
    element("dd", {}, words),
  ]);
  byId("keys").replaceChildren(...rows);
  byId("help-dialog").showModal();
}

// Say what it costs, or why it cannot be done; resolves to whether the answer is yes.
export function confirmAsk(item, budget, obstacle) {
  byId("ask-words").textContent = obstacle
    ? `This cannot be asked for again: ${obstacle}.`
    : `One more variation of ${item.key} costs up to ${item.further.text}. ${budget.left} of the budget of ${budget.cap} is left.`;
  byId("ask-yes").hidden = Boolean(obstacle);
  byId("ask-yes").textContent = `Ask for up to ${item.further.text}`;
  return answer(byId("ask-dialog"), obstacle ? null : byId("ask-yes"));
}

export function confirmDone(summary, waiting) {
  const more = waiting
    ? ` ${waiting} that ${waiting === 1 ? "was" : "were"} asked for will be fetched by the next review.`
    : "";
  byId("done-words").textContent = `${summary}${more} All of it is on the disk; the page can be opened again later.`;
  return answer(byId("done-dialog"), byId("done-yes"));
}

// A dialog closes a moment before it says so: a late word about the last question is no answer to this one.
let pending = null;

function answer(dialog, first) {
  pending?.(false);
  return new Promise((resolve) => {
    const settle = (isYes) => {
      dialog.removeEventListener("close", heard);
      if (pending === settle) pending = null;
      resolve(isYes);
    };
    const heard = () => {
      if (!dialog.open) settle(dialog.returnValue === "yes");
    };
    pending = settle;
    dialog.returnValue = "no";
    dialog.addEventListener("close", heard);
    dialog.showModal();
    (first ?? dialog.querySelector("button")).focus();
  });
}
