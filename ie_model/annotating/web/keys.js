// What each key does.

import { decide, decideAll, done, label, moveEdge, redo, reopen, undo } from "./changes.js";
import { checkAll, openList, showKeys, toggleGuide } from "./dialogs.js";
import { back, forward } from "./documents.js";
import { clear, selectWord, step } from "./moving.js";
import { $ } from "./panels.js";
import { say, state } from "./state.js";

const ACTIONS = {
  n: () => step(1, true), N: () => step(-1, true), j: () => step(1, false), k: () => step(-1, false),
  a: () => decide("first"), b: () => decide("second"), x: () => decide("neither"),
  Delete: () => decide("neither"), Backspace: () => decide("neither"),
  A: () => decideAll(true), X: () => decideAll(false),
  s: () => moveEdge("start", -1), S: () => moveEdge("start", 1),
  e: () => moveEdge("end", 1), E: () => moveEdge("end", -1),
  u: undo, U: redo, d: done, D: reopen, ".": forward, ",": back,
  o: openList, c: checkAll, g: toggleGuide, "?": showKeys, Escape: clear,
  w: () => {
    $("whole").checked = !$("whole").checked;
    say($("whole").checked ? "Whole words" : "Any characters", true);
  },
};

export function onKey(event) {
  if (!state.doc || event.isComposing || document.querySelector("dialog[open]")) return;
  if (event.target.matches("input:not([type=checkbox]), textarea, select")) return;
  if (event.ctrlKey || event.metaKey) {
    const key = event.key.toLowerCase();
    const act = key === "z" ? (event.shiftKey ? redo : undo) : key === "y" ? redo : null;
    if (act) {
      event.preventDefault();
      act();
    }
    return;
  }
  const inText = event.target === document.body || event.target === $("text");
  const act = actionOf(event, inText);
  if (!act) return;
  event.preventDefault();
  act();
}

function actionOf(event, inText) {
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code);
  if (event.altKey) {
    const edge = { KeyS: ["start", -1], KeyE: ["end", 1] }[event.code];
    return edge && (() => moveEdge(edge[0], event.shiftKey ? -edge[1] : edge[1], true));
  }
  if (digit) {
    const index = ((Number(digit[1]) + 9) % 10) + (event.shiftKey ? 10 : 0);
    return () => label(index);
  }
  const arrow = { ArrowLeft: [-1, false], ArrowRight: [1, false], ArrowUp: [-1, true], ArrowDown: [1, true] }[event.key];
  if (arrow) {
    // Without a selection the arrows up and down scroll the page, as ever.
    if (!inText || (arrow[1] && !state.marks.selection())) return null;
    return () => selectWord(arrow[0], event.shiftKey, arrow[1]);
  }
  if (event.key === "Enter") return inText ? () => decide("first") : null;
  return Object.hasOwn(ACTIONS, event.key) ? ACTIONS[event.key] : null;
}
