// Draws the document that is shown and what stands around it. What a press does is told in `does`.

import { element } from "./marks.js";
import * as panels from "./panels.js";
import { $, button, counted } from "./panels.js";
import { selection, server, state, things } from "./state.js";
import * as works from "./work.js";
import { keyOf } from "./work.js";

// decide, moveEdge, clear, step, done and choose: they stand above this module and are put in here.
export const does = {};

export function draw() {
  const { doc } = state;
  const list = things(doc);
  if (state.current && !list.some((t) => t.id === state.current)) state.current = null;
  state.marks.draw(list.flatMap((t) => drawn(t, doc)));
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
  panels.showThings(list, state.current, hues, (id) => does.choose(id));
  panels.showRow(state.current);
  const open = list.filter((t) => t.kind !== "entity").length;
  $("spans-count").textContent = `${doc.work.entities.length}` + (open ? `, ${open} to decide` : "");
  $("all-row").hidden = !open || Boolean(review);
  panels.showFindings(doc.findings, (f) => state.marks.select(f.start, Math.min(f.end, doc.text.length)));
  drawCounts();
}

export function drawCounts() {
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
  const fault = faultsOf(doc).get(`${thing.start}-${thing.end}`) || "";
  return [{ ...base, ...thing.span, kind: "entity", tag: thing.label, fault }];
}

const indexed = { findings: null, faults: null };

// The place of every finding, and how severe the worst one there is.
function faultsOf({ findings }) {
  if (indexed.findings === findings) return indexed.faults;
  const faults = new Map();
  for (const { start, end, severity } of findings) {
    const place = `${start}-${end}`;
    if (severity === "error" || !faults.has(place)) faults.set(place, severity);
  }
  Object.assign(indexed, { findings, faults });
  return faults;
}

// The bar under the text: what is chosen, and what can be done with it.
export function showAction(list) {
  const bar = $("act");
  const thing = list.find((t) => t.id === state.current);
  const selected = thing ? null : selection();
  const parts = [];
  const quote = (text) => `“${text.length > 60 ? `${text.slice(0, 59)}…` : text}”`;
  if (selected) {
    parts.push(`${quote(state.doc.text.mention(selected))} – choose its label`, button("Clear", "Esc", () => does.clear()));
  } else if (!thing) {
    const open = list.filter((t) => t.kind !== "entity").length;
    parts.push(open ? `${open} to decide` : "Select text and choose a label");
    if (open) parts.push(button("Next", "n", () => does.step(1, true)));
    else parts.push(button(state.doc.work.done ? "Next document" : "Done", "d", () => does.done()));
  } else if (thing.kind === "point") {
    const { names } = state.session.review;
    const reading = (side, name) => `${name}: ${side ? `${side.label} ${quote(state.doc.text.mention(side))}` : "nothing"}`;
    if (thing.point.note) parts.push(thing.point.note);
    parts.push(
      button(reading(thing.point.first, names[0]), "a", () => does.decide("first")),
      button(reading(thing.point.second, names[1]), "b", () => does.decide("second")),
    );
    if (thing.point.first && thing.point.second)
      parts.push(button("Neither", "x", () => does.decide("neither")));
  } else {
    parts.push(`${thing.what} ${quote(thing.mention)}`);
    if (thing.kind === "suggestion") parts.push(button("Accept", "a", () => does.decide("first")));
    parts.push(button(thing.kind === "suggestion" ? "Reject" : "Remove", "x", () => does.decide("neither")));
    const edges = document.createElement("span");
    edges.className = "edges";
    for (const [sign, words, key, edge, way] of [
      ["⇤", "Begin a word earlier", "s", "start", -1], ["⇥", "Begin a word later", "⇧s", "start", 1],
      ["⇤", "End a word earlier", "⇧e", "end", -1], ["⇥", "End a word later", "e", "end", 1],
    ]) {
      if (edge === "start" && way < 0) edges.append("begin ");
      if (edge === "end" && way < 0) edges.append(" end ");
      const press = button(sign, "", () => does.moveEdge(edge, way, false));
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

export function showProgress(progress) {
  const { documents, done, begun, labels } = progress;
  state.counts = labels;
  $("bar").max = documents;
  $("bar").value = done;
  $("progress").replaceChildren(
    `${done.toLocaleString("en")} of ${counted(documents, "document")} done`,
    element("span", "wide", begun ? `, ${begun.toLocaleString("en")} begun` : ""));
}

export function showModel({ predicted, documents }) {
  const reading = predicted < documents;
  $("model").textContent = reading ? `The model has read ${predicted.toLocaleString("en")}` : "";
  if (reading)
    setTimeout(() => server.get("session").then((s) => showModel(s.model)).catch(() => {}), 3000);
}

export function showConflict() {
  const conflict = state.conflicts[0];
  $("conflict").hidden = !conflict;
  if (!conflict) return;
  const { doc, base, mine } = conflict;
  $("conflict-text").textContent =
    `${doc.id} was changed on another page meanwhile. Its newer state is shown, and nothing was ` +
    `overwritten. Your last change is not in it: ${works.difference(base, mine, doc.text)}.`;
}
