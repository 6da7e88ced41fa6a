// The page of `ie-model annotate`: one document at a time, with keys for everything.

import { decide, decideAll, done, label, moveEdge, redo, settleConflict, undo } from "./changes.js";
import { checkAll, openList, showKeys } from "./dialogs.js";
import { back, forward, onward, refresh, renew, saver, show } from "./documents.js";
import { does, showModel, showProgress } from "./drawing.js";
import { onKey } from "./keys.js";
import { Marks } from "./marks.js";
import { choose, clear, step } from "./moving.js";
import * as panels from "./panels.js";
import { $ } from "./panels.js";
import { onPointerUp, onSelection } from "./pointer.js";
import { server, state } from "./state.js";

function listen() {
  document.addEventListener("keydown", onKey);
  $("text").addEventListener("pointerup", (event) => setTimeout(() => onPointerUp(event)));
  document.addEventListener("selectionchange", onSelection);
  for (const [id, run] of Object.entries({
    undo, redo, list: openList, help: showKeys, before: back, skip: forward, done,
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

// The address of another run, opened in this window, is only another fragment to the browser.
window.addEventListener("hashchange", () => {
  const secret = location.hash.slice(1);
  if (!secret || secret === server.secret) return;
  sessionStorage.setItem("secret", secret);
  if (state.session) renew(secret);
  else location.reload();
});

async function start() {
  try {
    state.session = await server.get("session");
  } catch (error) {
    $("fault").textContent = error.message;
    return;
  }
  const { labels, hues, progress, model, guidelines, output } = state.session;
  state.marks = new Marks($("text"), hues);
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

Object.assign(does, { decide, moveEdge, clear, step, done, choose });
start();
