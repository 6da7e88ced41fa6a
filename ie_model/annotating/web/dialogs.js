// What is looked at beside the document: the list of all, the check of all, guidelines, keys.

import { show } from "./documents.js";
import { draw } from "./drawing.js";
import * as panels from "./panels.js";
import { $ } from "./panels.js";
import { say, server, state } from "./state.js";

const KEYS = [
  ["1 … 9 0", "label the selection, or give the chosen span another label (⇧1 … ⇧0 for labels 11 to 20)"],
  ["← →", "select the word before, after what is chosen; ↑ ↓ in the line above, below"],
  ["⇧← ⇧→", "select one word less, more"],
  ["n ⇧n", "the next, the last thing to decide"],
  ["j k", "the next, the last span of any kind"],
  ["a Enter", "accept the suggestion; in a review, take the first reading"],
  ["b", "in a review, take the second reading"],
  ["x Delete", "reject the suggestion, remove the entity; in a review, take neither"],
  ["⇧a ⇧x", "accept, reject all suggestions of the document"],
  ["s ⇧s", "begin the span a word earlier, later (with Alt: a character)"],
  ["e ⇧e", "end the span a word later, earlier (with Alt: a character)"],
  ["u ⇧u", "undo, redo (Ctrl+Z, Ctrl+Y as well)"],
  ["d", "this document is done; on to the next one"],
  ["⇧d", "this document is not done after all"],
  [". ,", "leave this document as it stands, go back"],
  ["o", "all documents"],
  ["c", "check all documents"],
  ["g", "guidelines"],
  ["w", "whole words, or any characters"],
  ["Esc", "choose nothing"],
  ["?", "these keys"],
];

export async function openList() {
  try {
    const { documents } = await server.get("documents");
    panels.showDocuments(documents, state.doc && state.doc.number, (number) => show(number));
  } catch (error) {
    $("fault").textContent = error.message;
  }
}

export async function checkAll() {
  say("Checking all documents…", true);
  try {
    const report = await server.get("check");
    draw();
    panels.showCheck(report, async (number, finding) => {
      await show(number);
      const { text } = state.doc;
      if (finding.end) state.marks.select(text.toUnit(finding.start), Math.min(text.toUnit(finding.end), text.length));
    });
  } catch (error) {
    $("fault").textContent = error.message;
  }
}

export function toggleGuide() {
  const panel = $("guide-panel");
  if (panel.hidden) return say("There are no guidelines: give a file with --guidelines.", true);
  panel.open = !panel.open;
  if (panel.open) panel.scrollIntoView({ block: "nearest" });
  panel.querySelector("summary").focus();
  return undefined;
}

export const showKeys = () => panels.showKeys(KEYS);
