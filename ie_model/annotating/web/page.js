// The page of `ie-model annotate`: one document at a time, with keys for everything.

import { Marks } from "./marks.js";
import * as panels from "./panels.js";
import { $, button, counted } from "./panels.js";
import { Saver, Server } from "./saving.js";
import { Text } from "./text.js";
import * as works from "./work.js";
import { keyOf } from "./work.js";

const KEYS = [
  ["1 … 9 0", "label the selection, or give the chosen span another label (⇧1 … ⇧0 for labels 11 to 20)"],
  ["← →", "select the word before, after; ↑ ↓ in the line above, below"],
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

const state = {
  session: null, doc: null, current: null, range: null, warned: null,
  conflicts: [], docs: new Map(), visited: [], at: -1,
};
const secret = location.hash.slice(1) || sessionStorage.getItem("secret") || "";
sessionStorage.setItem("secret", secret);
const server = new Server(secret);
let marks = null;

const saver = new Saver(server, {
  waiting: (count) => ($("saved").textContent = count ? "Saving…" : "Saved"),
  saved(doc, answer) {
    $("fault").textContent = "";
    const findings = answer.findings.map((f) => placed(f, doc.text));
    const same = JSON.stringify(findings) === JSON.stringify(doc.findings);
    doc.findings = findings;
    showProgress(answer.progress);
    if (doc !== state.doc) return;
    if (same) drawCounts();
    else draw();
  },
  stale(doc, newer) {
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

// ---- documents

function placed(finding, text) {
  return { ...finding, start: text.toUnit(finding.start), end: text.toUnit(finding.end) };
}

function made(row) {
  const text = new Text(row.text);
  const side = (s) => s && { start: text.toUnit(s[0]), end: text.toUnit(s[1]), label: s[2] };
  return {
    number: row.number, id: row.id, text, undone: [], past: [],
    points: row.points.map((p) => ({ ...p, first: side(p.first), second: side(p.second) })),
    toServer: (work) => works.sent(work, text),
    ...newest(row, text),
  };
}

function newest(row, text) {
  const work = works.received(row.work, text);
  const suggestions = state.session.review ? [] : row.suggestions.map((s) => placed(s, text));
  return {
    work, saved: work, revision: row.revision, suggestions,
    findings: row.findings.map((f) => placed(f, text)),
  };
}

// Take the server's newer state of a document over. What could be undone was made on another one.
function adopt(doc, row) {
  Object.assign(doc, newest(row, doc.text), { undone: [], past: [], listed: null });
  if (doc === state.doc) draw();
}

async function show(number, remember = true) {
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
  marks.load(state.doc.text);
  $("text").setAttribute("aria-busy", "false");
  document.title = `${state.doc.id} – Annotate`;
  draw();
  window.scrollTo(0, 0);
  $("text").focus({ preventScroll: true });
  const open = toDecide().length;
  say(`${state.doc.id}, ${counted(state.doc.work.entities.length, "entity")}` +
    (open ? `, ${open} to decide` : ""));
}

async function onward() {
  try {
    const { number } = await server.next(state.doc ? state.doc.number : null);
    if (number !== null) return show(number);
    if (state.doc) say("All other documents are done.", true);
    return show(state.doc ? undefined : 0);
  } catch (error) {
    $("fault").textContent = error.message;
  }
}

function back() {
  if (state.at > 0) show(state.visited[--state.at], false);
  else say("This was the first one.", true);
}

function forward() {
  if (state.at + 1 < state.visited.length) show(state.visited[++state.at], false);
  else onward();
}

// ---- what there is in a document

const idOf = (kind, name) => `${kind}:${encodeURIComponent(name)}`;

function things(doc = state.doc) {
  if (doc.listed !== doc.work) Object.assign(doc, { listed: doc.work, list: allThings(doc) });
  return doc.list;
}

function allThings(doc) {
  const points = works.openPoints(doc.work, doc.points);
  const asked = new Set(points.flatMap(works.sides).map(keyOf));
  const list = doc.work.entities.filter((e) => !asked.has(keyOf(e))).map((span) => ({
    id: idOf("e", keyOf(span)), kind: "entity", span, start: span.start, end: span.end,
    label: span.label, what: span.label, mention: doc.text.mention(span),
  }));
  for (const span of works.pending(doc.work, doc.suggestions))
    list.push({
      id: idOf("s", keyOf(span)), kind: "suggestion", span, start: span.start, end: span.end,
      label: span.label, what: `${span.label}?${score(span)}`, mention: doc.text.mention(span),
    });
  for (const point of points) {
    const sides = works.sides(point);
    const start = Math.min(...sides.map((s) => s.start));
    const end = Math.max(...sides.map((s) => s.end));
    list.push({
      id: idOf("p", point.name), kind: "point", point, start, end, label: sides[0].label,
      what: `${point.first ? point.first.label : "nothing"} or ${point.second ? point.second.label : "nothing"}?`,
      mention: doc.text.string.slice(start, end),
    });
  }
  return list.sort((a, b) => a.start - b.start || a.end - b.end);
}

// A score of 1.00 says nothing.
const score = (span) => (span.score === undefined || span.score >= 0.995 ? "" : ` ${span.score.toFixed(2)}`);

const toDecide = () => things().filter((t) => t.kind !== "entity");

const current = () => things().find((t) => t.id === state.current);

// ---- drawing

function draw() {
  const { doc } = state;
  const list = things(doc);
  if (state.current && !list.some((t) => t.id === state.current)) state.current = null;
  marks.draw(list.flatMap((t) => drawn(t, doc)));
  $("name").textContent = doc.id;
  $("state").hidden = !doc.work.done;
  $("state").textContent = "done";
  $("undo").disabled = !doc.past.length;
  $("redo").disabled = !doc.undone.length;
  $("before").disabled = state.at < 1;
  $("done").textContent = doc.work.done ? "Next" : "Done";
  showAction(list);
  drawSoon();
}

let drawing = 0;

// The lists can wait until the text has been painted.
function drawSoon() {
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => setTimeout(drawLists));
}

function drawLists() {
  const { doc } = state;
  const list = things(doc);
  const { hues, review } = state.session;
  panels.showThings(list, state.current, hues, choose);
  panels.showRow(state.current);
  const open = list.filter((t) => t.kind !== "entity").length;
  $("spans-count").textContent = `${doc.work.entities.length}` + (open ? `, ${open} to decide` : "");
  $("all-row").hidden = !open || Boolean(review);
  panels.showFindings(doc.findings, (f) => marks.select(f.start, Math.min(f.end, doc.text.length)));
  drawCounts();
}

function drawCounts() {
  const here = {};
  for (const e of state.doc.work.entities) here[e.label] = (here[e.label] || 0) + 1;
  panels.showCounts(here, state.counts || {}, state.session.labels);
}

function drawn(thing, doc) {
  const now = thing.id === state.current;
  const base = { id: thing.id, now, fault: "" };
  if (thing.kind === "point") {
    const { point } = thing;
    const { names } = state.session.review;
    const same = point.first && point.second && keyOf(point.first) === keyOf(point.second);
    return [[point.first, "first", names[0]], [!same && point.second, "second", names[1]]]
      .filter(([span]) => span)
      .map(([span, kind, name]) => ({ ...base, ...span, kind, tag: `${span.label} · ${name}` }));
  }
  if (thing.kind === "suggestion")
    return [{ ...base, ...thing.span, kind: "suggestion", tag: thing.what }];
  const faults = doc.findings.filter((f) => f.start === thing.start && f.end === thing.end);
  const fault = faults.some((f) => f.severity === "error") ? "error" : faults.length ? faults[0].severity : "";
  return [{ ...base, ...thing.span, kind: "entity", tag: thing.label, fault }];
}

// The bar under the text: what is chosen, and what can be done with it.
function showAction(list) {
  const bar = $("act");
  const thing = list.find((t) => t.id === state.current);
  const selected = thing ? null : selection();
  const parts = [];
  const quote = (text) => `“${text.length > 60 ? `${text.slice(0, 59)}…` : text}”`;
  if (selected) {
    parts.push(`${quote(state.doc.text.mention(selected))} – choose its label`, button("Clear", "Esc", clear));
  } else if (!thing) {
    const open = list.filter((t) => t.kind !== "entity").length;
    parts.push(open ? `${open} to decide` : "Select text and choose a label");
    if (open) parts.push(button("Next", "n", () => step(1, true)));
    else parts.push(button(state.doc.work.done ? "Next document" : "Done", "d", done));
  } else if (thing.kind === "point") {
    const { names } = state.session.review;
    const reading = (side, name) => `${name}: ${side ? `${side.label} ${quote(state.doc.text.mention(side))}` : "nothing"}`;
    if (thing.point.note) parts.push(thing.point.note);
    parts.push(
      button(reading(thing.point.first, names[0]), "a", () => decide("first")),
      button(reading(thing.point.second, names[1]), "b", () => decide("second")),
    );
    if (thing.point.first && thing.point.second)
      parts.push(button("Neither", "x", () => decide("neither")));
  } else {
    parts.push(`${thing.what} ${quote(thing.mention)}`);
    if (thing.kind === "suggestion") parts.push(button("Accept", "a", () => decide("first")));
    parts.push(button(thing.kind === "suggestion" ? "Reject" : "Remove", "x", () => decide("neither")));
    const edges = document.createElement("span");
    edges.className = "edges";
    for (const [sign, words, key, edge, way] of [
      ["⇤", "Begin a word earlier", "s", "start", -1], ["⇥", "Begin a word later", "⇧s", "start", 1],
      ["⇤", "End a word earlier", "⇧e", "end", -1], ["⇥", "End a word later", "e", "end", 1],
    ]) {
      if (edge === "start" && way < 0) edges.append("begin ");
      if (edge === "end" && way < 0) edges.append(" end ");
      const press = button(sign, "", () => moveEdge(edge, way, false));
      press.setAttribute("aria-label", words);
      press.title = `${words} (${key})`;
      edges.append(press);
    }
    parts.push(edges);
    const faults = state.doc.findings.filter((f) => f.start === thing.start && f.end === thing.end);
    for (const f of faults) {
      const said = document.createElement("span");
      said.className = `what ${f.severity}`;
      said.textContent = `${f.severity}: ${f.message}`;
      parts.push(said);
    }
  }
  bar.replaceChildren(...parts);
}

function showProgress(progress) {
  const { documents, done, begun, labels } = progress;
  state.counts = labels;
  $("bar").max = documents;
  $("bar").value = done;
  $("progress").textContent = `${done.toLocaleString("en")} of ${counted(documents, "document")} done` +
    (begun ? `, ${begun} begun` : "");
}

function showModel({ predicted, documents }) {
  const reading = predicted < documents;
  $("model").textContent = reading ? `The model has read ${predicted.toLocaleString("en")}` : "";
  if (reading)
    setTimeout(() => server.get("session").then((s) => showModel(s.model)).catch(() => {}), 3000);
}

function showConflict() {
  const conflict = state.conflicts[0];
  $("conflict").hidden = !conflict;
  if (!conflict) return;
  const { doc, base, mine } = conflict;
  $("conflict-text").textContent =
    `${doc.id} was changed on another page meanwhile. Its newer state is shown, and nothing was ` +
    `overwritten. Your last change is not in it: ${works.difference(base, mine, doc.text)}.`;
}

function settleConflict(again) {
  const conflict = state.conflicts.shift();
  if (again && conflict) {
    const { doc, base, mine } = conflict;
    change(works.merge(base, mine, doc.work), "Put in again.", doc);
  }
  showConflict();
}

// Said to who listens; `shown` also to who looks.
function say(text, shown = false) {
  $("said").textContent = text;
  if (shown) $("act").replaceChildren(text);
}

// ---- changes

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

const undo = () => travel("past", "undone", "undo");
const redo = () => travel("undone", "past", "redo");

function selection() {
  const found = marks.selection();
  return found && state.doc.text.snap(found.start, found.end, $("whole").checked);
}

function clear() {
  window.getSelection().removeAllRanges();
  Object.assign(state, { current: null, range: null });
  draw();
}

function label(index) {
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

const outside = (span) => !(span.start < span.end && span.end <= state.doc.text.length);

// The work with a span changed: an entity is, anything else becomes one.
function changed(span, changes) {
  const { work, points } = state.doc;
  if (work.entities.includes(span)) return works.add(works.remove(work, span),
    pick({ ...span, ...changes }), points);
  return works.add(work, pick({ ...span, ...changes, meta: undefined }), points);
}

const pick = ({ start, end, label, meta }) =>
  meta ? { start, end, label, meta } : { start, end, label };

function moveEdge(edge, way, byCharacter) {
  const { doc } = state;
  const thing = current();
  const span = thing && (thing.span || thing.point.first || thing.point.second);
  if (!span) return say("Choose a span first: n or j.", true);
  if (outside(span)) return say("This span is outside of the text: remove it (x).", true);
  const { words, length } = doc.text;
  let to;
  if (byCharacter) to = span[edge] + way * characterWidth(doc.text.string, span[edge], way);
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
  marks.show(moved.start, moved.end);
}

function characterWidth(string, place, way) {
  const code = string.charCodeAt(way < 0 ? place - 1 : place);
  return way < 0 ? (code >> 10 === 0x37 ? 2 : 1) : (code >> 10 === 0x36 ? 2 : 1);
}

// Accept, reject, remove, or settle what is chosen, and go on to the next thing to decide.
function decide(choice) {
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

function decideAll(taken) {
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

function done() {
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

function reopen() {
  if (state.doc.work.done) change(works.reopen(state.doc.work), "Not done any more.");
}

// ---- moving about

function neighbour(thing, way, open) {
  const list = things().filter((t) => !open || t.kind !== "entity" || t === thing);
  const at = list.findIndex((t) => t.id === thing.id);
  for (let i = 1; i < list.length; i++) {
    const other = list[(at + way * i + list.length) % list.length];
    if (other.id !== thing.id) return other;
  }
  return null;
}

function step(way, open) {
  const list = things().filter((t) => !open || t.kind !== "entity");
  if (!list.length) return say(open ? "There is nothing to decide." : "There are no spans yet.", true);
  const thing = current();
  const selected = selection();
  const place = thing ? thing.start : selected ? selected.start : way > 0 ? -1 : Infinity;
  const others = list.filter((t) => !thing || t.id !== thing.id);
  const after = (t) => t.start > place || (thing && t.start === place && t.end > thing.end);
  const before = (t) => t.start < place || (thing && t.start === place && t.end < thing.end);
  const next = way > 0 ? others.find(after) || list[0] : others.findLast(before) || list[list.length - 1];
  window.getSelection().removeAllRanges();
  state.current = next.id;
  draw();
  reveal(next);
  return undefined;
}

function choose(id) {
  window.getSelection().removeAllRanges();
  state.current = id;
  draw();
  const thing = current();
  if (thing) reveal(thing);
}

function reveal(thing) {
  marks.show(thing.start, thing.end);
  say(`${thing.what} ${thing.mention}`);
}

// Words are selected with the arrow keys: `range` is the word it began with and the word it is at.
function selectWord(way, extend, byLine) {
  const { text } = state.doc;
  if (!text.words.length) return;
  const selected = marks.selection();
  let { range } = state;
  const held = range && selected && selected.start === text.words[Math.min(...range)][0];
  if (selected && !held) range = [text.wordAt(selected.start), text.wordAt(selected.end - 1)];
  let to;
  if (!selected) {
    const thing = current();
    to = thing ? text.wordAt(thing.start) + (way < 0 ? -1 : 0) : text.wordAt(topmost());
    range = null;
  } else if (byLine) to = lineBeside(range[1], way);
  else to = (extend || range[0] === range[1] ? range[1] : way > 0 ? Math.max(...range) : Math.min(...range)) + way;
  to = Math.min(Math.max(to, 0), text.words.length - 1);
  state.range = [extend && range ? range[0] : to, to];
  const first = text.words[Math.min(...state.range)];
  const last = text.words[Math.max(...state.range)];
  const had = state.current;
  state.current = null;
  marks.select(first[0], last[1]);
  if (had) draw();
  say(text.string.slice(first[0], last[1]));
}

// The first place of the text that is in sight.
function topmost() {
  const from = $("labels").getBoundingClientRect().bottom;
  const piece = marks.pieces.find((p) => p.end > p.start && p.node.getBoundingClientRect().bottom > from);
  return piece ? piece.start : 0;
}

function lineBeside(word, way) {
  const { text } = state.doc;
  const box = marks.rectangle(...text.words[word]);
  const height = parseFloat(getComputedStyle($("text")).lineHeight);
  for (let lines = 1; lines < 5; lines++) {
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2 + way * lines * height];
    const point = document.caretPositionFromPoint
      ? document.caretPositionFromPoint(x, y)
      : document.caretRangeFromPoint(x, y);
    const place = point && marks.placeOf(point.offsetNode || point.startContainer, point.offset ?? point.startOffset);
    const found = place === null || place === undefined ? -1 : text.wordAt(place);
    if (found >= 0 && (way > 0 ? found > word : found < word)) return found;
  }
  return word + way;
}

// ---- keys

async function openList() {
  try {
    const { documents } = await server.get("documents");
    panels.showDocuments(documents, state.doc && state.doc.number, (number) => show(number));
  } catch (error) {
    $("fault").textContent = error.message;
  }
}

async function checkAll() {
  try {
    const report = await server.get("check");
    panels.showCheck(report, {}, async (number, finding) => {
      await show(number);
      const { text } = state.doc;
      if (finding.end) marks.select(text.toUnit(finding.start), Math.min(text.toUnit(finding.end), text.length));
    });
  } catch (error) {
    $("fault").textContent = error.message;
  }
}

function toggleGuide() {
  const panel = $("guide-panel");
  if (panel.hidden) return say("There are no guidelines: give a file with --guidelines.", true);
  panel.open = !panel.open;
  if (panel.open) panel.scrollIntoView({ block: "nearest" });
  panel.querySelector("summary").focus();
  return undefined;
}

const ACTIONS = {
  n: () => step(1, true), N: () => step(-1, true), j: () => step(1, false), k: () => step(-1, false),
  a: () => decide("first"), b: () => decide("second"), x: () => decide("neither"),
  Delete: () => decide("neither"), Backspace: () => decide("neither"),
  A: () => decideAll(true), X: () => decideAll(false),
  s: () => moveEdge("start", -1), S: () => moveEdge("start", 1),
  e: () => moveEdge("end", 1), E: () => moveEdge("end", -1),
  u: undo, U: redo, d: done, D: reopen, ".": forward, ",": back,
  o: openList, c: checkAll, g: toggleGuide, "?": () => panels.showKeys(KEYS), Escape: clear,
  w: () => {
    $("whole").checked = !$("whole").checked;
    say($("whole").checked ? "Whole words" : "Any characters", true);
  },
};

function onKey(event) {
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
    if (!inText || (arrow[1] && !marks.selection())) return null;
    return () => selectWord(arrow[0], event.shiftKey, arrow[1]);
  }
  if (event.key === "Enter") return inText ? () => decide("first") : null;
  return Object.hasOwn(ACTIONS, event.key) ? ACTIONS[event.key] : null;
}

// ---- pointer

function onPointerUp(event) {
  if (!state.doc) return;
  const found = marks.selection();
  if (found) {
    const snapped = state.doc.text.snap(found.start, found.end, $("whole").checked && !event.altKey);
    if (!snapped) return;
    Object.assign(state, { current: null, range: null });
    draw();
    window.getSelection().setBaseAndExtent(
      ...marks.pointOf(snapped.start), ...marks.pointOf(snapped.end, true));
    return;
  }
  const mark = event.target.closest && event.target.closest("#text mark");
  if (!mark) return;
  const ids = mark.dataset.ids.split(" ");
  // Where spans lie over one another, every press chooses the next one.
  state.current = ids[(ids.indexOf(state.current) + 1) % ids.length];
  state.range = null;
  draw();
  const thing = current();
  if (thing) say(`${thing.what} ${thing.mention}`);
}

let told = 0;

function onSelection() {
  if (!state.doc) return;
  cancelAnimationFrame(told);
  told = requestAnimationFrame(() => {
    const found = marks.selection();
    if (found && state.current) {
      state.current = null;
      draw();
    } else if (found || $("act").dataset.selected) showAction(things());
    $("act").dataset.selected = found ? "yes" : "";
  });
}

// ---- start

async function refresh() {
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

function listen() {
  document.addEventListener("keydown", onKey);
  $("text").addEventListener("pointerup", (event) => setTimeout(() => onPointerUp(event)));
  document.addEventListener("selectionchange", onSelection);
  for (const [id, run] of Object.entries({
    undo, redo, list: openList, help: () => panels.showKeys(KEYS), before: back, skip: forward, done,
    again: () => settleConflict(true), leave: () => settleConflict(false), "check-all": checkAll,
    "accept-all": () => decideAll(true), "reject-all": () => decideAll(false),
  })) $(id).addEventListener("click", run);
  for (const press of document.querySelectorAll("button.close"))
    press.addEventListener("click", () => press.closest("dialog").close());
  window.addEventListener("focus", refresh);
  document.addEventListener("visibilitychange", refresh);
  window.addEventListener("beforeunload", (event) => {
    if (saver.waiting) event.preventDefault();
  });
}

async function start() {
  try {
    state.session = await server.get("session");
  } catch (error) {
    $("fault").textContent = error.message;
    return;
  }
  const { labels, hues, progress, model, guidelines, output } = state.session;
  marks = new Marks($("text"), hues);
  panels.showLabels(labels, hues, label);
  panels.showGuidelines(guidelines);
  $("output").textContent = `Saved in ${output}`;
  showProgress(progress);
  showModel(model);
  listen();
  const at = sessionStorage.getItem("at");
  if (at !== null && Number(at) < progress.documents) await show(Number(at));
  else await onward();
}

start();
