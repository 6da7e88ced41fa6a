// The state of the page: the session, the document that is shown, and what there is in it.

import { $ } from "./panels.js";
import { Server } from "./saving.js";
import { Text } from "./text.js";
import * as works from "./work.js";
import { keyOf } from "./work.js";

export const state = {
  session: null, marks: null, doc: null, current: null, range: null, warned: null,
  conflicts: [], docs: new Map(), visited: [], at: -1,
};

const secret = location.hash.slice(1) || sessionStorage.getItem("secret") || "";
sessionStorage.setItem("secret", secret);
export const server = new Server(secret);

export function placed(finding, text) {
  return { ...finding, start: text.toUnit(finding.start), end: text.toUnit(finding.end) };
}

export function made(row) {
  const text = new Text(row.text);
  const side = (s) => s && { start: text.toUnit(s[0]), end: text.toUnit(s[1]), label: s[2] };
  return {
    number: row.number, id: row.id, text, undone: [], past: [],
    points: row.points.map((p) => ({ ...p, first: side(p.first), second: side(p.second) })),
    toServer: (work) => works.sent(work, text),
    ...newest(row, text),
  };
}

export function newest(row, text) {
  const work = works.received(row.work, text);
  const suggestions = state.session.review ? [] : row.suggestions.map((s) => placed(s, text));
  return {
    work, saved: work, revision: row.revision, suggestions,
    findings: row.findings.map((f) => placed(f, text)),
  };
}

export const idOf = (kind, name) => `${kind}:${encodeURIComponent(name)}`;

export function things(doc = state.doc) {
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

export const toDecide = () => things().filter((t) => t.kind !== "entity");

export const current = () => things().find((t) => t.id === state.current);

export const outside = (span) => !(span.start < span.end && span.end <= state.doc.text.length);

export function selection() {
  const found = state.marks.selection();
  return found && state.doc.text.snap(found.start, found.end, $("whole").checked);
}

// Said to who listens; `shown` also to who looks.
export function say(text, shown = false) {
  $("said").textContent = text;
  if (shown) $("act").replaceChildren(text);
}
