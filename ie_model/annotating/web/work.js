// The work on one document and what changes it. Works are never altered: every change makes a new
// one, so that undoing is going back to an older one.
// A work is {entities, rejected, decided, done}; an entity {start, end, label, score?, meta?}.

export const keyOf = (span) => `${span.start}-${span.end}-${span.label}`;

const overlaps = (a, b) => a.start < b.end && b.start < a.end;

const byPlace = (a, b) => a.start - b.start || a.end - b.end || (a.label < b.label ? -1 : 1);

// ---- between the page and the server

export function received(row, text) {
  const span = ([start, end, label]) => ({ start: text.toUnit(start), end: text.toUnit(end), label });
  return {
    // `points` are the offsets as they came: what lies outside of the text must not move by itself.
    entities: row.entities.map((e) => ({ ...e, ...span([e.start, e.end, e.label]), points: [e.start, e.end] })),
    rejected: row.rejected.map(span),
    decided: row.decided,
    done: row.done,
  };
}

export function sent(work, text) {
  return {
    entities: work.entities.map(({ points, ...e }) => {
      const [start, end] = points || [text.toPoint(e.start), text.toPoint(e.end)];
      return { ...e, start, end };
    }),
    rejected: work.rejected.map((s) => [text.toPoint(s.start), text.toPoint(s.end), s.label]),
    decided: work.decided,
    done: work.done,
  };
}

// ---- what is open

// Suggestions that nobody has decided: not rejected, and no entity where they stand.
export function pending(work, suggestions) {
  if (work.done) return [];
  const rejected = new Set(work.rejected.map(keyOf));
  const entities = [...work.entities].sort(byPlace);
  let reach = 0; // entities before this one end before every later suggestion
  return suggestions.filter((s) => {
    while (reach < entities.length && entities[reach].end <= s.start) reach++;
    for (let i = reach; i < entities.length && entities[i].start < s.end; i++)
      if (overlaps(entities[i], s)) return false;
    return !rejected.has(keyOf(s));
  });
}

export function openPoints(work, points) {
  const decided = new Set(work.decided);
  return points.filter((p) => !decided.has(p.name));
}

// ---- changes

// With a span; what it overlaps gives way, since spans are flat. Points it touches are settled.
export function add(work, span, points = []) {
  const settled = openPoints(work, points).filter((p) => sides(p).some((s) => overlaps(s, span)));
  const given = new Set(settled.flatMap(sides).map(keyOf));
  const entities = work.entities.filter((e) => !overlaps(e, span) && !given.has(keyOf(e)));
  return {
    ...work,
    entities: [...entities, span].sort(byPlace),
    rejected: work.rejected.filter((s) => keyOf(s) !== keyOf(span)),
    decided: [...work.decided, ...settled.map((p) => p.name)],
  };
}

export function remove(work, span) {
  return { ...work, entities: work.entities.filter((e) => e !== span) };
}

// An entity with other offsets or another label. What the file says about it goes along.
export function change(work, span, changes) {
  const { start, end, label, meta } = { ...span, ...changes };
  const made = meta ? { start, end, label, meta } : { start, end, label };
  return add(remove(work, span), made);
}

export function accept(work, suggestion) {
  const { start, end, label } = suggestion;
  return add(work, { start, end, label });
}

export function reject(work, suggestion) {
  const { start, end, label } = suggestion;
  return { ...work, rejected: [...work.rejected, { start, end, label }] };
}

// Settle a point: take its first side, its second, or neither.
export function settle(work, point, choice) {
  const others = new Set(sides(point).map(keyOf));
  let next = { ...work, decided: [...work.decided, point.name] };
  const chosen = choice === "neither" ? null : point[choice];
  const there = chosen && next.entities.find((e) => keyOf(e) === keyOf(chosen));
  next.entities = next.entities.filter((e) => e === there || !others.has(keyOf(e)));
  if (chosen && !there) next = add(next, { ...chosen });
  return next;
}

export const sides = (point) => [point.first, point.second].filter(Boolean);

export function finish(work, points) {
  return { ...work, done: true, decided: [...new Set([...work.decided, ...points.map((p) => p.name)])] };
}

export const reopen = (work) => ({ ...work, done: false });

// ---- two pages on one document

export function equal(a, b) {
  const told = ({ entities, rejected, decided, done }) =>
    JSON.stringify([entities.map((e) => [keyOf(e), e.meta]), done || rejected.map(keyOf), decided, done]);
  return told(a) === told(b);
}

// What was done between `base` and `mine`, done to `newer` as well.
export function merge(base, mine, newer) {
  const before = new Set(base.entities.map(keyOf));
  const after = new Set(mine.entities.map(keyOf));
  let merged = {
    ...newer,
    entities: newer.entities.filter((e) => after.has(keyOf(e)) || !before.has(keyOf(e))),
    done: mine.done !== base.done ? mine.done : newer.done,
  };
  for (const e of mine.entities) {
    const there = merged.entities.some((other) => keyOf(other) === keyOf(e));
    if (!before.has(keyOf(e)) && !there) merged = add(merged, e);
  }
  const union = (a, b, name) => [...new Map([...a, ...b].map((x) => [name(x), x])).values()];
  merged.rejected = union(merged.rejected, mine.rejected, keyOf);
  merged.decided = union(merged.decided, mine.decided, (x) => x);
  return merged;
}

// In words, for who is asked about it.
export function difference(base, mine, text) {
  const before = new Set(base.entities.map(keyOf));
  const after = new Set(mine.entities.map(keyOf));
  const named = (e) => `${e.label} “${text.mention(e)}”`;
  const parts = [
    ...mine.entities.filter((e) => !before.has(keyOf(e))).map((e) => `${named(e)} added`),
    ...base.entities.filter((e) => !after.has(keyOf(e))).map((e) => `${named(e)} removed`),
  ];
  const rejected = mine.rejected.length - base.rejected.length;
  if (rejected > 0) parts.push(rejected === 1 ? "one suggestion rejected" : `${rejected} suggestions rejected`);
  if (mine.done !== base.done) parts.push(mine.done ? "done" : "reopened");
  return parts.join(", ") || "nothing";
}
