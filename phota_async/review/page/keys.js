// What each key does: one table for the keyboard and for the list that people read.

export const KEYS = [
  {
    keys: ["1", "2", "3", "4", "5", "6", "7", "8", "9"],
    shown: "1 to 4",
    words: "Pick that variation, and go on",
    deed: (act, key) => act.pick(Number(key) - 1),
  },
  { keys: ["r"], shown: "R", words: "Reject all of them, and go on", deed: (act) => act.reject() },
  { keys: ["0", "Backspace"], shown: "0", words: "Undecided again", deed: (act) => act.clear() },
  { keys: ["z"], shown: "Z or Ctrl Z", words: "Undo the last decision", deed: (act) => act.undo() },
  { keys: ["ArrowRight", "n", "j"], shown: "→", words: "Next photo", deed: (act) => act.step(1) },
  { keys: ["ArrowLeft", "p", "k"], shown: "←", words: "Previous photo", deed: (act) => act.step(-1) },
  { keys: ["s"], shown: "S", words: "Slider between before and after, and back", deed: (act) => act.slider() },
  { keys: ["v"], shown: "V", words: "Under the slider: the next variation", deed: (act) => act.nextVariation() },
  { keys: ["b"], shown: "B", words: "The next source, where there are several", deed: (act) => act.nextSource() },
  { keys: ["f"], shown: "F", words: "100 % where the pointer is, and back", deed: (act) => act.zoom() },
  { keys: [], shown: "Shift ←→↑↓", words: "Move what is seen close up" },
  { keys: ["a"], shown: "A", words: "Ask for another variation: shows the price first", deed: (act) => act.ask() },
  { keys: ["?"], shown: "?", words: "This list", deed: (act) => act.help() },
  { keys: ["Escape"], shown: "Esc", words: "Back from close up, slider or list", deed: (act) => act.back() },
];

const MOVES = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };

export function listen(act) {
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey) {
      if (key === "z" && !event.shiftKey) take(event, act.undo());
      return;
    }
    if (event.shiftKey && MOVES[key]) return take(event, act.move(...MOVES[key]));
    if (event.target.matches("input") && key.startsWith("Arrow")) return; // the slider's and the filter's own keys
    const found = KEYS.find(({ keys }) => keys.includes(key));
    if (found) take(event, found.deed(act, key));
  });
}

function take(event) {
  event.preventDefault();
}
