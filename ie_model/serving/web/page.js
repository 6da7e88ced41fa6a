// The page at /: asks /v1/predict once for everything the model finds, then filters by itself.
// Text gets into the page as text nodes only, never as markup.
"use strict";

const EXAMPLE = `The coalition carried out three air strikes near Deir ez-Zor on Monday, destroying two vehicles \
and a tunnel entrance. Iraqi federal police said about 1,200 people had returned to Hawija since last week, \
when clearance operations in the district ended.`;

const $ = (id) => document.getElementById(id);
const state = { models: [], limits: null, answer: null, thresholds: {}, off: new Set(), name: "text" };
let request = null;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const counted = (n, noun) =>
  n === 1 ? `1 ${noun}` : `${n.toLocaleString("en")} ${noun.endsWith("y") ? noun.slice(0, -1) + "ies" : noun + "s"}`;

// ---- asking

async function call(path, options = {}) {
  const headers = { ...(options.headers || {}) };
  if ($("key").value) headers.Authorization = `Bearer ${$("key").value}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server cannot be reached.");
  }
  let body = {};
  try {
    body = await response.json();
  } catch {
    body = { error: `The server answered ${response.status} without a reason.` };
  }
  if (response.status === 401) {
    $("key-field").hidden = false;
    $("key").focus();
  }
  if (!response.ok) {
    const failed = (body.documents || [])[0];
    throw new Error(body.error || (failed && failed.error) || `The server answered ${response.status}.`);
  }
  return body;
}

async function loadModels() {
  const { models, limits, normalises } = await call("v1/models");
  Object.assign(state, { models, limits, normalises });
  $("model").replaceChildren(...models.map((m) => new Option(m.name, m.name)));
  $("model-field").hidden = models.length < 2;
  $("date-field").hidden = !normalises;
  $("served").textContent = models.length === 1 ? `Model ${models[0].name}.` : "";
}

async function ask(event) {
  if (event) event.preventDefault();
  $("fault").textContent = "";
  const text = $("text").value;
  if (!text.trim()) {
    $("fault").textContent = "There is no text yet: paste one, or open a file.";
    $("text").focus();
    return;
  }
  if (request) request.abort();
  const mine = (request = new AbortController());
  $("find").disabled = true;
  $("result").setAttribute("aria-busy", "true");
  try {
    if (!state.models.length) await loadModels();
    const model = state.models.find((m) => m.name === $("model").value) || state.models[0];
    const question = { text, id: state.name, model: model.name, min_score: 0 };
    if (state.normalises) question.normalise = true;
    if (state.normalises && $("date").value) question.date = $("date").value;
    const answer = await call("v1/predict", {
      method: "POST", body: JSON.stringify(question), signal: mine.signal,
      headers: { "Content-Type": "application/json" },
    });
    show(answer.documents[0], model);
  } catch (error) {
    if (error.name !== "AbortError") $("fault").textContent = error.message;
  } finally {
    if (request === mine) {
      $("find").disabled = false;
      $("result").removeAttribute("aria-busy");
    }
  }
}

// ---- showing

function show(doc, model) {
  state.answer = doc;
  state.thresholds = model.thresholds;
  // Offsets count code points; JavaScript's strings count UTF-16 units.
  state.points = Array.from(doc.text);
  const sorted = [...new Set([...model.labels, ...doc.entities.map((e) => e.label)])].sort();
  state.hues = Object.fromEntries(sorted.map((l, i) => [l, Math.round(210 + i * 137.5) % 360]));
  state.labels = [...model.labels];
  const has = Object.values(model.thresholds).some((t) => t > 0);
  if ($("own-field").hidden === has) {
    $("own-field").hidden = !has;
    $("own").checked = has;
  }
  $("labels").replaceChildren(...state.labels.map(chip));
  $("result").hidden = false;
  render();
  $("found").focus({ preventScroll: true });
  $("found").scrollIntoView({ block: "nearest" });
}

function chip(label) {
  const made = element("label", "chip");
  made.style.setProperty("--hue", state.hues[label]);
  const box = element("input");
  box.type = "checkbox";
  box.checked = !state.off.has(label);
  box.addEventListener("change", () => {
    if (box.checked) state.off.delete(label);
    else state.off.add(label);
    render();
  });
  made.append(box, `${label} `, element("span", "count"));
  made.dataset.label = label;
  return made;
}

const floor = (label) =>
  $("own").checked ? state.thresholds[label] || 0 : Number($("score").value) / 100;

function kept() {
  return state.answer.entities.filter((e) => e.score >= floor(e.label));
}

const visible = () => kept().filter((e) => !state.off.has(e.label));

function render() {
  const own = $("own").checked;
  $("score-shown").textContent = own ? "–" : (Number($("score").value) / 100).toFixed(2);
  const counts = {};
  for (const e of kept()) counts[e.label] = (counts[e.label] || 0) + 1;
  for (const made of $("labels").children)
    made.querySelector(".count").textContent = counts[made.dataset.label] || 0;
  const entities = visible();
  const all = state.answer.entities.length;
  $("status").textContent =
    counted(entities.length, "entity") + (entities.length < all ? ` of ${all} shown` : "");
  $("copied").textContent = "";
  $("marked").replaceChildren(...highlighted(entities));
  $("rows").replaceChildren(...entities.map(row));
}

function highlighted(entities) {
  const parts = [];
  let done = 0;
  entities.forEach((e, i) => {
    parts.push(state.points.slice(done, e.start).join(""));
    const mention = state.points.slice(e.start, e.end).join("");
    const mark = element("mark");
    mark.id = `m${i}`;
    mark.style.setProperty("--hue", state.hues[e.label]);
    const score = e.score >= 0.995 ? "" : ` ${e.score.toFixed(2)}`;
    // The last word and the label stay on one line, unless it is too long for a phone.
    const cut = mention.lastIndexOf(" ") + 1;
    const end = element("span", mention.length - cut > 24 ? "" : "whole", mention.slice(cut));
    end.append(element("span", "tag", e.label + score));
    mark.append(mention.slice(0, cut), end);
    mark.title = [e.label, e.score.toFixed(3), worded(e.meta && e.meta.value)].filter(Boolean).join(" · ");
    parts.push(mark);
    done = e.end;
  });
  parts.push(state.points.slice(done).join(""));
  return parts;
}

function row(e, i) {
  const made = element("tr");
  const mention = element("td");
  const link = element("a", "", e.text);
  link.href = `#m${i}`;
  link.addEventListener("click", (event) => {
    event.preventDefault();
    document.querySelectorAll("mark.shown").forEach((m) => m.classList.remove("shown"));
    $(`m${i}`).classList.add("shown");
    $(`m${i}`).scrollIntoView({ block: "center" });
  });
  mention.append(link);
  const label = element("td", "", e.label);
  if (e.meta && e.meta.review) label.append(" ", element("span", "review", "look at it"));
  made.append(
    mention, label, element("td", "", e.score.toFixed(2)),
    element("td", "", worded(e.meta && e.meta.value)), element("td", "", `${e.start}–${e.end}`),
  );
  return made;
}

// A normalised value in words: "2018-12-04", "≥ 500 people", "20–30 km".
function worded(value) {
  if (!value) return "";
  const about = value.approximate ? "about " : "";
  if ("low" in value) {
    const n = (x) => x.toLocaleString("en", { maximumFractionDigits: 6 });
    const { low, high } = value;
    let number = low === high ? n(low) : `${low === null ? "" : n(low)}–${high === null ? "" : n(high)}`;
    if (high === null) number = `≥ ${n(low)}`;
    else if (low === null) number = `≤ ${n(high)}`;
    const unit = value.unit ? ` ${value.unit}` : "";
    return about + number + (value.percent ? " %" : "") + unit + (value.rate ? ` per ${value.rate}` : "");
  }
  const { start, end, duration } = value;
  let when = start === end ? start || "" : `${start || "…"} to ${end || "…"}`;
  if (duration) when += when ? ` (${duration})` : duration;
  return about + when;
}

// ---- taking away

function asJson() {
  return JSON.stringify({ ...state.answer, entities: visible() }, null, 2) + "\n";
}

async function copy() {
  try {
    await navigator.clipboard.writeText(asJson());
    $("copied").textContent = "Copied.";
  } catch {
    $("copied").textContent = "The browser does not allow copying here; use Download.";
  }
}

function download() {
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([asJson()], { type: "application/json" }));
  link.download = `${state.name.replace(/\.[^.]*$/, "") || "text"}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// ---- files

async function open(file) {
  $("fault").textContent = "";
  if (state.limits && file.size > state.limits.body_bytes) {
    const most = (state.limits.body_bytes / 2 ** 20).toFixed(1);
    $("fault").textContent = `The file is larger than the ${most} MiB that the server takes.`;
    return;
  }
  try {
    $("text").value = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    $("fault").textContent = `${file.name} is no text in UTF-8.`;
    return;
  }
  state.name = file.name;
  ask();
}

function start() {
  $("ask").addEventListener("submit", ask);
  $("text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) ask(event);
  });
  $("text").addEventListener("input", () => (state.name = "text"));
  $("file").addEventListener("change", (event) => {
    if (event.target.files.length) open(event.target.files[0]);
    event.target.value = "";
  });
  $("example").addEventListener("click", () => {
    $("text").value = EXAMPLE;
    state.name = "example";
    ask();
  });
  $("score").addEventListener("input", () => {
    $("own").checked = false;
    render();
  });
  $("own").addEventListener("change", render);
  $("copy").addEventListener("click", copy);
  $("download").addEventListener("click", download);
  const holdsFile = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  for (const kind of ["dragenter", "dragover"])
    document.addEventListener(kind, (event) => {
      if (!holdsFile(event)) return;
      event.preventDefault();
      document.body.classList.add("dropping");
    });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (!holdsFile(event)) return;
    event.preventDefault();
    open(event.dataTransfer.files[0]);
  });
  loadModels().catch((error) => ($("fault").textContent = error.message));
}

start();
