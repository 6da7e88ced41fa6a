// What stands around the text: labels, lists, guidelines, dialogs. It shows, and calls back.
// Text gets into the page as text nodes only, never as markup.

import { element } from "./marks.js";

export const $ = (id) => document.getElementById(id);

export const counted = (n, noun) =>
  n === 1 ? `1 ${noun}` : `${n.toLocaleString("en")} ${noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`}`;

export function button(text, key, run) {
  const made = element("button", "", text);
  made.type = "button";
  if (key) made.append(" ", element("kbd", "", key));
  made.addEventListener("click", run);
  return made;
}

// The key of a label: 1 to 9, 0, then the same with Shift.
export function keyOfLabel(index) {
  if (index >= 20) return "";
  return `${index >= 10 ? "⇧" : ""}${(index + 1) % 10}`;
}

export function showLabels(labels, hues, run) {
  $("labels").replaceChildren(...labels.map((label, index) => {
    const made = element("button", "label");
    made.type = "button";
    made.style.setProperty("--hue", hues[label]);
    if (keyOfLabel(index)) made.append(element("kbd", "", keyOfLabel(index)), " ");
    made.append(label);
    // A press must not take the selection away, which the label is for.
    made.addEventListener("pointerdown", (event) => event.preventDefault());
    made.addEventListener("click", () => run(index));
    return made;
  }));
}

export function showCounts(here, all, labels) {
  const names = [...new Set([...labels, ...Object.keys(all), ...Object.keys(here)])];
  $("counts").replaceChildren(...names.map((label) => {
    const row = element("tr");
    const name = element("th", "", label);
    name.scope = "row";
    const cells = [here[label] || 0, all[label] || 0];
    row.append(name, ...cells.map((n) => element("td", "", n.toLocaleString("en"))));
    return row;
  }));
}

// Rows are kept from one time to the next: of 500 spans one key changes one.
const rows = new Map();

export function showThings(things, current, hues, choose) {
  const wanted = new Set();
  const list = things.map((thing) => {
    wanted.add(thing.id);
    let row = rows.get(thing.id);
    if (!row) {
      row = element("li");
      const press = button("", "", () => choose(thing.id));
      press.className = `thing ${thing.kind}`;
      press.style.setProperty("--hue", hues[thing.label] ?? 0);
      press.append(element("span", "mention", thing.mention), " ", element("span", "what", thing.what));
      row.append(press);
      rows.set(thing.id, row);
    }
    const now = thing.id === current;
    if (row.dataset.now !== String(now)) {
      row.dataset.now = String(now);
      row.firstChild.toggleAttribute("aria-current", now);
      if (now) row.firstChild.setAttribute("aria-current", "true");
    }
    return row;
  });
  // Old rows go first, so that those behind them need not move.
  for (const [id, row] of rows) {
    if (wanted.has(id)) continue;
    row.remove();
    rows.delete(id);
  }
  const parent = $("spans");
  let place = parent.firstChild;
  for (const row of list) {
    if (row === place) place = place.nextSibling;
    else parent.insertBefore(row, place);
  }
}

// Bring the row of the current span into sight within its list, not the page.
export function showRow(id) {
  const row = rows.get(id);
  const list = $("spans");
  if (!row || !list.offsetParent || list.scrollHeight <= list.clientHeight) return;
  const top = row.offsetTop - list.offsetTop;
  if (top < list.scrollTop || top + row.offsetHeight > list.scrollTop + list.clientHeight)
    list.scrollTop = top - list.clientHeight / 2;
}

export function forgetRows() {
  rows.clear();
  $("spans").replaceChildren();
}

let shown = null;

export function showFindings(findings, choose) {
  if (findings === shown) return;
  shown = findings;
  const counts = { error: 0, warning: 0, note: 0 };
  for (const f of findings) counts[f.severity]++;
  const said = Object.entries(counts).filter(([, n]) => n).map(([kind, n]) => counted(n, kind));
  $("checks-count").textContent = said.join(", ") || "nothing found";
  $("checks").replaceChildren(...findings.slice(0, 100).map((f) => findingRow(f, () => choose(f))));
}

export function findingRow(finding, run, where = "") {
  const row = element("li");
  const press = button("", "", run);
  press.className = `thing ${finding.severity}`;
  const what = finding.label ? `${finding.label} ` : "";
  press.append(element("strong", "", finding.severity), " ", element("span", "mention", where),
    element("span", "mention", finding.mention ? `${what}“${finding.mention}” ` : what),
    element("span", "mention", finding.message));
  row.append(press);
  return row;
}

// ---- guidelines

const TAGS = new Set("h1 h2 h3 h4 h5 h6 p ul ol li em strong code pre blockquote hr br s table thead tbody tr th td".split(" "));

function node(tree) {
  if (typeof tree === "string") return document.createTextNode(tree);
  const [tag, ...inner] = tree;
  if (tag === "a") {
    const [address, ...content] = inner;
    const link = element("a");
    if (/^https?:\/\//.test(address)) link.href = address;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    link.append(...content.map(node));
    return link;
  }
  const made = element(TAGS.has(tag) ? tag : "span");
  made.append(...inner.map(node));
  return made;
}

export function showGuidelines(trees) {
  $("guide-panel").hidden = !trees;
  if (!trees) return;
  $("guide").replaceChildren(...trees.map(node));
  $("guide-panel").open = window.matchMedia("(min-width: 60rem)").matches;
}

// ---- dialogs

const SHOWN = 500;

export function showDocuments(documents, now, choose) {
  const draw = () => {
    const wanted = $("filter").value.toLowerCase();
    const found = documents.filter((d) => d.id.toLowerCase().includes(wanted));
    $("documents").replaceChildren(...found.slice(0, SHOWN).map((d) => {
      const row = element("li");
      const press = button("", "", () => {
        $("list-dialog").close();
        choose(d.number);
      });
      press.className = `thing ${d.state}`;
      if (d.number === now) press.setAttribute("aria-current", "true");
      const points = d.points ? `, ${counted(d.points, "point")} to settle` : "";
      press.append(
        element("span", "badge", d.state), " ", element("span", "mention", d.id), " ",
        element("span", "what", counted(d.entities, "entity") + (d.state === "done" ? "" : points)),
      );
      row.append(press);
      return row;
    }));
    $("more").textContent = found.length > SHOWN ? `and ${found.length - SHOWN} more: find them by name` : "";
  };
  $("filter").value = "";
  $("filter").oninput = draw;
  draw();
  $("list-dialog").showModal();
}

export function showCheck(report, choose) {
  const { documents, entities, errors, warnings, notes, findings } = report;
  $("check-summary").textContent =
    `${counted(documents, "document")} annotated, ${counted(entities, "entity")}: ` +
    `${counted(errors, "error")}, ${counted(warnings, "warning")}, ${counted(notes, "note")}` +
    (findings.length < errors + warnings + notes ? `; the first ${findings.length} are listed` : "");
  $("check-list").replaceChildren(...findings.map((f) =>
    findingRow({ ...f, mention: f.excerpt.mention }, () => {
      $("check-dialog").close();
      choose(Number(f.where), f);
    }, `${f.document}: `)));
  $("check-dialog").showModal();
}

export function showKeys(keys) {
  $("keys").replaceChildren(...keys.map(([names, what]) => {
    const row = element("tr");
    const cell = element("th");
    cell.scope = "row";
    names.split(" ").forEach((name, i) => cell.append(...(i ? [" "] : []), element("kbd", "", name)));
    row.append(cell, element("td", "", what));
    return row;
  }));
  $("help-dialog").showModal();
}
