// A text and its places. Everything on the page counts UTF-16 units, as JavaScript's strings do;
// everything in files and on the way to the server counts Unicode code points.

// Letters, also across joiners inside a word; an emoji with all that is joined to it; any other sign.
const PICTURE = "\\p{Extended_Pictographic}[\\p{M}\\p{Emoji_Modifier}]*";
const WORDS = new RegExp(
  "[\\p{L}\\p{N}\\p{M}_]+(?:[\\u200c\\u200d\\u00ad][\\p{L}\\p{N}\\p{M}_]+)*" +
  `|${PICTURE}(?:\\u200d${PICTURE})*|\\p{RI}\\p{RI}|[^\\s\\p{Cf}\\x1c-\\x1f\\x85]\\p{M}*`, "gu");
const UNSEEN = /[\s\p{Cf}\x1c-\x1f\x85]/u; // as the checks have it
const PIECE = 250; // units of one piece of the text, which is drawn anew as a whole
const PART = 1500; // units of a line that are laid out at once; a longer line is shown in parts
const SENTENCE = /[.!?…。؟]["'”’»)\]]*\s/gu;

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

  // The lines of the text, each a list of parts, each a list of pieces [start, end).
  lines() {
    const lines = [];
    let start = 0;
    while (start <= this.length) {
      let end = this.string.indexOf("\n", start);
      if (end < 0) end = this.length;
      const parts = this.#cut(start, end, PART, (from, to) => this.#sentence(from, to));
      lines.push(parts.map(([from, to]) => this.#cut(from, to, PIECE, () => null)));
      start = end + 1;
    }
    return lines;
  }

  // A stretch cut into smaller ones, where `better` says, else before a word, else before any character.
  #cut(start, end, size, better) {
    const found = [];
    while (end - start > size) {
      const word = this.words[this.wordAt(start + size)];
      let cut = better(start, start + size) ?? (word && word[0] > start ? word[0] : start + size);
      if (cut < end && this.string.charCodeAt(cut) >> 10 === 0x37) cut--;
      found.push([start, cut]);
      start = cut;
    }
    found.push([start, end]);
    return found;
  }

  // Behind the last sentence that ends in the second half of a stretch.
  #sentence(start, end) {
    const middle = (start + end) >> 1;
    const last = [...this.string.slice(middle, end).matchAll(SENTENCE)].at(-1);
    return last ? middle + last.index + last[0].length : null;
  }

  // The edge of the character, as a reader sees it, before or after a place.
  beside(place, way) {
    const from = Math.max(0, place - 64);
    const near = this.string.slice(from, place + 64);
    const edges = [...graphemes(near)].map((at) => from + at);
    return way > 0 ? edges.find((e) => e > place) : edges.findLast((e) => e < place);
  }
}

// Where the characters of a string begin, as a reader sees them, and where the last one ends.
function* graphemes(string) {
  if (Intl.Segmenter) for (const { index } of new Intl.Segmenter().segment(string)) yield index;
  else for (let at = 0; at < string.length; at += string.codePointAt(at) > 0xffff ? 2 : 1) yield at;
  yield string.length;
}
