// Selecting and choosing with the pointer, or a finger.

import { draw, showAction } from "./drawing.js";
import { $ } from "./panels.js";
import { current, say, state, things } from "./state.js";

export function onPointerUp(event) {
  if (!state.doc) return;
  const found = state.marks.selection();
  if (found) {
    const snapped = state.doc.text.snap(found.start, found.end, $("whole").checked && !event.altKey);
    if (!snapped) return;
    Object.assign(state, { current: null, range: null });
    draw();
    window.getSelection().setBaseAndExtent(
      ...state.marks.pointOf(snapped.start), ...state.marks.pointOf(snapped.end, true));
    return;
  }
  const mark = event.target.closest && event.target.closest("#text mark");
  if (!mark) return;
  const ids = mark.dataset.ids.split(" ");
  // Where spans lie over one another, every press chooses the next one.
  state.current = ids[(ids.indexOf(state.current) + 1) % ids.length];
  state.range = null;
  draw();
  const thing = current();
  if (thing) say(`${thing.what} ${thing.mention}`);
}

let told = 0;

export function onSelection() {
  if (!state.doc) return;
  cancelAnimationFrame(told);
  told = requestAnimationFrame(() => {
    const found = state.marks.selection();
    if (found && state.current) {
      state.current = null;
      draw();
    } else if (found || $("act").dataset.selected) showAction(things());
    $("act").dataset.selected = found ? "yes" : "";
  });
}
