// The text with its spans. Only the pieces whose spans have changed are drawn anew.

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

export class Marks {
  constructor(root, hues) {
    this.root = root;
    this.hues = hues;
    this.pieces = [];
  }

  // Show another text, without spans yet.
  load(text) {
    this.text = text;
    this.pieces = [];
    const lines = text.lines().map((parts) => {
      const line = element("div", "line");
      line.dir = "auto";
      for (const pieces of parts) {
        const part = parts.length > 1 ? element("div", "part") : line;
        for (const [start, end] of pieces) {
          const node = element("span", "piece", text.string.slice(start, end));
          node.dataset.start = start;
          this.pieces.push({ start, end, node, drawn: "", now: "" });
          part.append(node);
        }
        if (part !== line) line.append(part);
      }
      return line;
    });
    this.root.replaceChildren(...lines);
  }

  // Draw items {id, start, end, label, kind, tag, fault, now}; the order does not matter.
  draw(items) {
    const sorted = items.filter((i) => i.start < i.end && i.end <= this.text.length)
      .sort((a, b) => a.start - b.start || b.end - a.end);
    let first = 0;
    for (const piece of this.pieces) {
      const here = [];
      for (let i = first; i < sorted.length && sorted[i].start < piece.end; i++) {
        if (sorted[i].end > piece.start) here.push(sorted[i]);
        else if (i === first) first++;
      }
      const wanted = here.map((i) => `${i.id} ${i.kind} ${i.tag} ${i.fault}`).join("\n");
      const now = here.find((i) => i.now)?.id ?? "";
      if (wanted === piece.drawn && (now === piece.now || this.#choose(piece, now))) continue;
      Object.assign(piece, { drawn: wanted, now });
      piece.node.replaceChildren(...this.#segments(piece, here));
    }
  }

  // Choose another span in a piece that stays as it is, which moves nothing; not where spans overlap.
  #choose(piece, now) {
    const marks = [...piece.node.children];
    if (marks.some((mark) => mark.classList.contains("many"))) return false;
    for (const mark of marks) mark.classList.toggle("now", mark.dataset.ids === now);
    piece.now = now;
    return true;
  }

  // The text of a piece, cut at every edge of a span.
  #segments(piece, items) {
    const edges = new Set([piece.start, piece.end]);
    for (const { start, end } of items) {
      if (start > piece.start) edges.add(start);
      if (end < piece.end) edges.add(end);
    }
    const cuts = [...edges].sort((a, b) => a - b);
    const made = [];
    for (let i = 0; i + 1 < cuts.length; i++) {
      const [start, end] = [cuts[i], cuts[i + 1]];
      const string = this.text.string.slice(start, end);
      const covering = items.filter((item) => item.start < end && item.end > start);
      made.push(covering.length ? this.#mark(start, end, string, covering) : string);
    }
    return made;
  }

  #mark(start, end, string, covering) {
    const top = covering.find((i) => i.now) || covering[covering.length - 1];
    const mark = element("mark", top.kind);
    if (covering.length > 1) mark.classList.add("many");
    if (top.now) mark.classList.add("now");
    const fault = covering.find((i) => i.fault === "error") || covering.find((i) => i.fault);
    if (fault) mark.classList.add(fault.fault);
    if (top.start === start) mark.classList.add("opens");
    if (top.end === end) mark.classList.add("closes");
    mark.style.setProperty("--hue", this.hues[top.label] ?? 0);
    mark.dataset.ids = covering.map((i) => i.id).join(" ");
    const ending = covering.filter((i) => i.end === end);
    // The last word and its label stay on one line, unless it is too long for a phone.
    const cut = ending.length ? string.lastIndexOf(" ") + 1 : string.length;
    const last = element("span", string.length - cut > 24 ? "" : "whole", string.slice(cut));
    for (const item of ending) {
      const tag = element("span", "tag", item.tag);
      tag.style.setProperty("--hue", this.hues[item.label] ?? 0);
      last.append(tag);
    }
    mark.append(string.slice(0, cut), ...(ending.length ? [last] : []));
    return mark;
  }

  // ---- places

  // The place in the text of a point of the document; null outside of the text.
  placeOf(node, offset) {
    if (!this.root.contains(node)) return null;
    const tag = node.parentElement && node.parentElement.closest(".tag");
    if (tag) return this.placeOf(tag.parentElement, [...tag.parentElement.childNodes].indexOf(tag));
    if (node.nodeType !== Node.TEXT_NODE) {
      const child = node.childNodes[offset];
      if (child) return this.#begin(child);
      return node === this.root ? this.text.length : this.#begin(node) + this.#size(node);
    }
    return this.#begin(node) + offset;
  }

  #begin(node) {
    const piece = node.nodeType === Node.ELEMENT_NODE && node.querySelector(".piece")
      || (node.closest ? node : node.parentElement).closest(".piece");
    if (!piece) return this.text.length;
    let place = Number(piece.dataset.start);
    if (!piece.contains(node) || piece === node) return place;
    const walker = this.#walker(piece);
    while (walker.nextNode()) {
      const current = walker.currentNode;
      if (current === node || node.contains(current)
        || node.compareDocumentPosition(current) & Node.DOCUMENT_POSITION_FOLLOWING) break;
      place += current.data.length;
    }
    return place;
  }

  #size(node) {
    let size = 0;
    const walker = this.#walker(node);
    while (walker.nextNode()) size += walker.currentNode.data.length;
    return size;
  }

  #walker(node) {
    return document.createTreeWalker(node, NodeFilter.SHOW_TEXT, (text) =>
      text.parentElement.closest(".tag") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
  }

  // A point of the document for a place; `after` chooses the end of a node over the next one's start.
  pointOf(place, after = false) {
    const piece = this.pieces.findLast((p) => p.start < place || (!after && p.start === place))
      || this.pieces[0];
    let left = place - piece.start;
    const walker = this.#walker(piece.node);
    let last = [piece.node, 0];
    while (walker.nextNode()) {
      const size = walker.currentNode.data.length;
      if (left < size || (after && left === size)) return [walker.currentNode, left];
      left -= size;
      last = [walker.currentNode, size];
    }
    return last;
  }

  selection() {
    const found = window.getSelection();
    if (!found.rangeCount || found.isCollapsed) return null;
    const range = found.getRangeAt(0);
    const start = this.placeOf(range.startContainer, range.startOffset);
    const end = this.placeOf(range.endContainer, range.endOffset);
    if (start === null && end === null) return null;
    return { start: start ?? 0, end: end ?? this.text.length };
  }

  select(start, end) {
    window.getSelection().setBaseAndExtent(...this.pointOf(start), ...this.pointOf(end, true));
    this.show(start, end);
  }

  rectangle(start, end) {
    const range = document.createRange();
    range.setStart(...this.pointOf(start));
    range.setEnd(...this.pointOf(end, true));
    return range.getClientRects()[0] || range.getBoundingClientRect();
  }

  // Scroll a place into the middle where it is near an edge or out of sight.
  show(start, end) {
    const box = this.rectangle(start, end);
    const from = document.getElementById("labels").getBoundingClientRect().bottom;
    const to = document.getElementById("act").getBoundingClientRect().top;
    const [high, low] = to > from + 80 ? [from + 10, to - 10] : [80, window.innerHeight - 80];
    if (box.top < high || box.bottom > low)
      window.scrollBy(0, box.top - (high + low) / 2);
  }
}
