// Documents come from the server, and go back to it with every change.

import { draw, drawCounts, showConflict, showProgress } from "./drawing.js";
import * as panels from "./panels.js";
import { $, counted } from "./panels.js";
import { Saver } from "./saving.js";
import { made, newest, placed, say, server, state, toDecide } from "./state.js";
import { equal } from "./work.js";

export const saver = new Saver(server, {
  waiting(count) {
    $("saved").textContent = count ? "Saving…" : "Saved";
    reloadIfRenewed();
  },
  saved(doc, answer) {
    $("fault").textContent = "";
    const findings = answer.findings.map((f) => placed(f, doc.text));
    const same = JSON.stringify(findings) === JSON.stringify(doc.findings);
    if (!same) doc.findings = findings;
    showProgress(answer.progress);
    if (doc !== state.doc) return;
    if (same) drawCounts();
    else draw();
  },
  stale(doc, newer) {
    if (newer.id !== doc.id || newer.text !== doc.text.string)
      throw new Error(`In this run, ${doc.id} is another text.`);
    if (equal(newest(newer, doc.text).work, doc.saved)) {
      doc.revision = newer.revision; // nobody did anything; another run counts anew
      saver.save(doc);
      return;
    }
    state.conflicts.push({ doc, base: doc.saved, mine: doc.work });
    adopt(doc, newer);
    showConflict();
  },
  refused(doc, error) {
    Object.assign(doc, { work: doc.saved, past: [], undone: [], listed: null });
    $("fault").textContent = `Taken back. ${error.message}`;
    if (doc === state.doc) draw();
  },
  fault: (error) => ($("fault").textContent = `Not saved yet, trying again. ${error.message}`),
});

// Take the server's newer state of a document over. What could be undone was made on another one.
function adopt(doc, row) {
  Object.assign(doc, newest(row, doc.text), { undone: [], past: [], listed: null });
  if (doc === state.doc) draw();
}

let renewed = false;

// The address of another run of the command was opened in this window. Its revisions are others, and
// a document may have another number; what is not saved yet goes to it, by its id.
export async function renew(secret) {
  server.secret = secret;
  renewed = true;
  try {
    const { documents } = await server.get("documents");
    const numbers = new Map(documents.map((d) => [d.id, d.number]));
    for (const doc of state.docs.values())
      Object.assign(doc, { revision: 0, number: numbers.get(doc.id) ?? -1 });
  } catch (error) {
    $("fault").textContent = error.message;
    return;
  }
  saver.hurry();
  reloadIfRenewed();
}

export function reloadIfRenewed() {
  if (renewed && !saver.waiting && !state.conflicts.length) location.reload();
}

export async function refresh() {
  const { doc } = state;
  if (!doc || document.hidden || saver.waiting) return;
  try {
    const row = await server.open(doc.number);
    if (doc === state.doc && !saver.waiting && row.revision > doc.revision) {
      adopt(doc, row);
      say("Changed on another page: the newer state is shown.", true);
    }
  } catch {
    // Said when something is to be saved.
  }
}

export async function show(number, remember = true) {
  if (number === null || number === undefined) return;
  try {
    // What was done to a document can still be undone when it is seen again.
    const known = state.docs.get(number);
    const row = known && saver.holds(known) ? null : await server.open(number);
    state.doc = row && !(known && known.revision === row.revision) ? made(row) : known;
    state.docs.set(number, state.doc);
    if (row) $("fault").textContent = row.fault ? `The model failed here: ${row.fault}` : "";
  } catch (error) {
    $("fault").textContent = error.message;
    return;
  }
  if (remember) {
    state.visited.splice(state.at + 1);
    state.at = state.visited.push(number) - 1;
  }
  sessionStorage.setItem("at", number);
  Object.assign(state, { current: null, range: null, warned: null });
  panels.forgetRows();
  state.marks.load(state.doc.text);
  $("text").setAttribute("aria-busy", "false");
  document.title = `${state.doc.id} – Annotate`;
  draw();
  window.scrollTo(0, 0);
  $("text").focus({ preventScroll: true });
  const open = toDecide().length;
  say(`${state.doc.id}, ${counted(state.doc.work.entities.length, "entity")}` +
    (open ? `, ${open} to decide` : ""));
}

export async function onward() {
  try {
    const { number } = await server.next(state.doc ? state.doc.number : null);
    if (number !== null) return show(number);
    if (state.doc) say("All other documents are done.", true);
    return show(state.doc ? undefined : 0);
  } catch (error) {
    $("fault").textContent = error.message;
  }
}

export function back() {
  if (state.at > 0) show(state.visited[--state.at], false);
  else say("This was the first one.", true);
}

export function forward() {
  if (state.at + 1 < state.visited.length) show(state.visited[++state.at], false);
  else onward();
}
