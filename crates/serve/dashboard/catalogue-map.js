// The map of the catalogue: the component of `semrec mine`, with what the service has now.

import {h, count, problem} from "./elements.js";
import {part, whole} from "./service.js";

export const title = "Map";

// The element and its map, kept so that it is where one left it.
let kept = null;

async function drawn(status, signal) {
  for (;;) {
    const response = await whole("/v1/map", signal), told = await response.json();
    if (response.status === 200) return told;
    const share = told.of > 1 ? ` ${Math.round(100 * told.done / told.of)} %` : "";
    status.textContent = `The map is being drawn: ${told.step || "it begins"}${share}. This is done once.`;
    await new Promise(resolve => setTimeout(resolve, 700));
    signal.throwIfAborted();
  }
}

function made(data) {
  const element = document.getElementById("map-template").content.firstElementChild.cloneNode(true);
  const map = window.semrecMap(element, data);
  element.addEventListener("pick", event => { location.hash = "#/item/" + part(data.item[event.detail]); });
  addEventListener("theme", () => map.redraw());
  return {element, map, data};
}

export async function show(main, {query, signal}) {
  const status = h("p.note", {"aria-live": "polite"}, "…"), place = h("div");
  main.append(h("h1", {}, "Map of the catalogue"), status, place);
  try {
    const data = await drawn(status, signal);
    const ids = JSON.stringify(data.item), same = kept && kept.ids === ids;
    if (!same) kept = {...made(data), ids};
    place.append(kept.element);
    const said = [`${count(data.item.length)} items; what reads alike is near. A click opens an item.`];
    if (data.later) said.push(`${count(data.later)} came after it was drawn and stand beside their nearest.`);
    if (data.left_out) said.push(`${count(data.left_out)} are left out: without a text, or more than are drawn.`);
    const asked = (query.get("light") || "").split(",").filter(Boolean);
    const lit = asked.map(id => data.item.indexOf(decodeURIComponent(id))).filter(at => at >= 0);
    if (asked.length) said.push(`${lit.length} of ${asked.length} are ringed.`);
    status.textContent = said.join(" ");
    // The size of the canvas is known in the next frame.
    requestAnimationFrame(() => requestAnimationFrame(() => kept.map.light(lit)));
  } catch (error) {
    if (error.name !== "AbortError") status.replaceChildren(problem(error));
  }
}
