// What a person does to a document; every change can be undone.

import { onward, reloadIfRenewed, saver } from "./documents.js";
import { draw, showConflict } from "./drawing.js";
import { neighbour, reveal, step } from "./moving.js";
import { counted } from "./panels.js";
import { current, idOf, outside, say, selection, state, toDecide } from "./state.js";
import * as works from "./work.js";
import { keyOf } from "./work.js";

function change(work, words, doc = state.doc) {
  doc.past.push(doc.work);
  doc.undone = [];
  doc.work = work;
  put(doc, words);
}

function put(doc, words) {
  saver.save(doc);
  if (doc !== state.doc) return;
  state.warned = null;
  draw();
  if (words) say(words);
}

function travel(from, to, words) {
  const { doc } = state;
  if (!doc[from].length) return say(`Nothing to ${words}.`, true);
  doc[to].push(doc.work);
  doc.work = doc[from].pop();
  put(doc, `${words}: ${counted(doc.work.entities.length, "entity")}`);
}

export const undo = () => travel("past", "undone", "undo");

export const redo = () => travel("undone", "past", "redo");

export function label(index) {
  const name = state.session.labels[index];
  if (name === undefined) return say(`There is no label ${index + 1}.`, true);
  const { doc } = state;
  const thing = current();
  const selected = selection();
  if (selected) {
    const span = { ...selected, label: name };
    const given = doc.work.entities.filter((e) => e.start < span.end && span.start < e.end);
    window.getSelection().removeAllRanges();
    state.range = null;
    state.current = idOf("e", keyOf(span));
    const instead = given.length ? `, in place of ${given.map((e) => e.label).join(", ")}` : "";
    change(works.add(doc.work, span, doc.points), `${name}: ${doc.text.mention(span)}${instead}`);
  } else if (thing) {
    const span = thing.span || thing.point.first || thing.point.second;
    if (outside(span)) return say("This span is outside of the text: remove it (x).", true);
    state.current = idOf("e", keyOf({ ...span, label: name }));
    change(changed(span, { label: name }), `${name}: ${doc.text.mention(span)}`);
  } else say("Select text first.", true);
}

// The work with a span changed: an entity is, anything else becomes one.
function changed(span, changes) {
  const { work, points } = state.doc;
  if (work.entities.includes(span)) return works.add(works.remove(work, span),
    pick({ ...span, ...changes }), points);
  return works.add(work, pick({ ...span, ...changes, meta: undefined }), points);
}

const pick = ({ start, end, label, meta }) =>
  meta ? { start, end, label, meta } : { start, end, label };

export function moveEdge(edge, way, byCharacter) {
  const { doc } = state;
  const thing = current();
  const span = thing && (thing.span || thing.point.first || thing.point.second);
  if (!span) return say("Choose a span first: n or j.", true);
  if (outside(span)) return say("This span is outside of the text: remove it (x).", true);
  const { words, length } = doc.text;
  let to;
  if (byCharacter) to = doc.text.beside(span[edge], way);
  else if (edge === "start") {
    const at = doc.text.wordAt(span.start);
    const inside = words[at] && words[at][0] < span.start;
    to = words[way < 0 && inside ? at : at + way]?.[0];
  } else {
    const at = doc.text.wordAt(span.end - 1);
    const inside = words[at] && words[at][1] > span.end;
    to = words[way > 0 && inside ? at : at + way]?.[1];
  }
  const moved = { ...span, [edge]: to };
  if (to === undefined || to < 0 || to > length || moved.start >= moved.end)
    return say("There is no room for that.", true);
  state.current = idOf("e", keyOf(moved));
  change(changed(span, { [edge]: to }), `${span.label}: ${doc.text.mention(moved)}`);
  state.marks.show(moved.start, moved.end);
}

// Accept, reject, remove, or settle what is chosen, and go on to the next thing to decide.
export function decide(choice) {
  const { doc } = state;
  const thing = current();
  if (!thing) return say("Choose a span first: n or j.", true);
  const said = `${thing.label} ${thing.mention}`;
  if (thing.kind === "entity") {
    if (choice !== "neither") return step(1, true);
    const near = neighbour(thing, 1, false);
    state.current = near ? near.id : null;
    return change(works.remove(doc.work, thing.span), `Removed: ${said}`);
  }
  const following = neighbour(thing, 1, true);
  let work;
  if (thing.kind === "point") {
    if (choice === "neither" && !(thing.point.first && thing.point.second))
      choice = thing.point.first ? "second" : "first";
    work = works.settle(doc.work, thing.point, choice);
  } else if (choice === "first") work = works.accept(doc.work, thing.span);
  else if (choice === "neither") work = works.reject(doc.work, thing.span);
  else return undefined;
  state.current = following ? following.id : null;
  change(work, `${choice === "neither" ? "Rejected" : "Taken"}: ${said}`);
  const next = current();
  if (next) reveal(next);
  else say("Everything is decided; d when the document is done.", true);
  return undefined;
}

export function decideAll(taken) {
  const { doc } = state;
  if (state.session.review) return;
  const open = works.pending(doc.work, doc.suggestions);
  if (!open.length) return say("There is nothing to decide.", true);
  state.current = null;
  let { work } = doc;
  if (taken) for (const s of open) work = works.pending(work, [s]).length ? works.accept(work, s) : work;
  else work = open.reduce(works.reject, work);
  change(work, `${counted(open.length, "suggestion")} ${taken ? "accepted" : "rejected"}`);
}

export function done() {
  const { doc } = state;
  if (doc.work.done) return onward();
  const open = toDecide().length;
  if (open && state.warned !== doc) {
    state.warned = doc;
    const all = state.session.review ? "as it stands" : "without them";
    return say(`${open} undecided. Done again (d) leaves the document ${all}.`, true);
  }
  change(works.finish(doc.work, doc.points), "Done.");
  return onward();
}

export function reopen() {
  if (state.doc.work.done) change(works.reopen(state.doc.work), "Not done any more.");
}

export function settleConflict(again) {
  const conflict = state.conflicts.shift();
  if (again && conflict) {
    const { doc, base, mine } = conflict;
    change(works.merge(base, mine, doc.work), "Put in again.", doc);
  }
  showConflict();
  reloadIfRenewed();
}
