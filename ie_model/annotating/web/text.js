// A text and its places. Everything on the page counts UTF-16 units, as JavaScript's strings do;
// everything in files and on the way to the server counts Unicode code points.

const WORDS = /[\p{L}\p{N}\p{M}_]+|[^\s]/gu;
const UNSEEN = /[\s\p{Cf}]/u;
const PIECE = 700; // units of one piece of the text, which is drawn anew as a whole

export class Text {
  constructor(string) {
    this.string = string;
    this.length = string.length;
    this.words = Array.from(string.matchAll(WORDS), (m) => [m.index, m.index + m[0].length]);
    this.#count();
  }

  // unit -> point and point -> unit, needed only where a character takes two units
  #count() {
    this.points = this.units = null;
    if (!/[\ud800-\udbff]/.test(this.string)) return;
    this.points = new Uint32Array(this.length + 1);
    this.units = [];
    let point = 0;
    for (let unit = 0; unit < this.length; point++) {
      const wide = this.string.codePointAt(unit) > 0xffff;
      this.units.push(unit);
      this.points[unit] = point;
      if (wide) this.points[unit + 1] = point;
      unit += wide ? 2 : 1;
    }
    this.points[this.length] = point;
    this.units.push(this.length);
  }

  toPoint(unit) {
    return this.points ? this.points[Math.min(Math.max(unit, 0), this.length)] : unit;
  }

  toUnit(point) {
    if (!this.units) return point;
    return point < this.units.length ? this.units[Math.max(point, 0)] : this.length + 1;
  }

  mention(span) {
    return this.string.slice(span.start, span.end);
  }

  // The number of the last word that begins at or before a place; -1 before the first.
  wordAt(place) {
    let low = 0;
    let high = this.words.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.words[middle][0] <= place) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  // A stretch without blanks at its edges, drawn out to whole words; null if nothing is left.
  snap(start, end, whole = true) {
    while (start < end && UNSEEN.test(this.string[start])) start++;
    while (end > start && UNSEEN.test(this.string[end - 1])) end--;
    if (start >= end) return null;
    if (whole) {
      const first = this.words[this.wordAt(start)];
      const last = this.words[this.wordAt(end - 1)];
      if (first && first[1] > start) start = first[0];
      if (last && last[1] > end) end = last[1];
    }
    return { start, end };
  }

  // The lines of the text, each cut into pieces [start, end) between words.
  lines() {
    const lines = [];
    let start = 0;
    while (start <= this.length) {
      let end = this.string.indexOf("\n", start);
      if (end < 0) end = this.length;
      const pieces = [];
      let at = start;
      while (end - at > PIECE) {
        const word = this.words[this.wordAt(at + PIECE)];
        const cut = word && word[0] > at ? word[0] : at + PIECE;
        pieces.push([at, cut]);
        at = cut;
      }
      pieces.push([at, end]);
      lines.push(pieces);
      start = end + 1;
    }
    return lines;
  }
}
