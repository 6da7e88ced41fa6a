// Moving about in a document: from span to span, and from word to word.

import { draw } from "./drawing.js";
import { $ } from "./panels.js";
import { current, say, selection, state, things } from "./state.js";

export function clear() {
  window.getSelection().removeAllRanges();
  Object.assign(state, { current: null, range: null });
  draw();
}

export function neighbour(thing, way, open) {
  const list = things().filter((t) => !open || t.kind !== "entity" || t === thing);
  const at = list.findIndex((t) => t.id === thing.id);
  for (let i = 1; i < list.length; i++) {
    const other = list[(at + way * i + list.length) % list.length];
    if (other.id !== thing.id) return other;
  }
  return null;
}

export function step(way, open) {
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

export function choose(id) {
  window.getSelection().removeAllRanges();
  state.current = id;
  draw();
  const thing = current();
  if (thing) reveal(thing);
}

export function reveal(thing) {
  state.marks.show(thing.start, thing.end);
  say(`${thing.what} ${thing.mention}`);
}

// Words are selected with the arrow keys: `range` is the word it began with and the word it is at.
export function selectWord(way, extend, byLine) {
  const { text } = state.doc;
  if (!text.words.length) return;
  const selected = state.marks.selection();
  let { range } = state;
  const held = range && selected && selected.start === text.words[Math.min(...range)][0];
  if (selected && !held) range = [text.wordAt(selected.start), text.wordAt(selected.end - 1)];
  let to;
  if (!selected) {
    const thing = current();
    if (!thing) to = text.wordAt(topmost());
    else to = way < 0 ? text.wordAt(thing.start) - 1 : text.wordAt(thing.end - 1) + 1;
    range = null;
  } else if (byLine) to = lineBeside(range[1], way);
  else to = (extend || range[0] === range[1] ? range[1] : way > 0 ? Math.max(...range) : Math.min(...range)) + way;
  to = Math.min(Math.max(to, 0), text.words.length - 1);
  state.range = [extend && range ? range[0] : to, to];
  const first = text.words[Math.min(...state.range)];
  const last = text.words[Math.max(...state.range)];
  const had = state.current;
  state.current = null;
  state.marks.select(first[0], last[1]);
  if (had) draw();
  say(text.string.slice(first[0], last[1]));
}

// The first place of the text that is in sight.
function topmost() {
  const from = $("labels").getBoundingClientRect().bottom;
  const piece = state.marks.pieces.find((p) => p.end > p.start && p.node.getBoundingClientRect().bottom > from);
  return piece ? piece.start : 0;
}

function lineBeside(word, way) {
  const { text } = state.doc;
  const box = state.marks.rectangle(...text.words[word]);
  const height = parseFloat(getComputedStyle($("text")).lineHeight);
  for (let lines = 1; lines < 5; lines++) {
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2 + way * lines * height];
    const point = document.caretPositionFromPoint
      ? document.caretPositionFromPoint(x, y)
      : document.caretRangeFromPoint(x, y);
    const place = point && state.marks.placeOf(point.offsetNode || point.startContainer, point.offset ?? point.startOffset);
    const found = place === null || place === undefined ? -1 : text.wordAt(place);
    if (found >= 0 && (way > 0 ? found > word : found < word)) return found;
  }
  return word + way;
}
