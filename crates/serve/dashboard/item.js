// An item: its fields, and what goes with it.

import {h, count, problem} from "./elements.js";
import {get, part} from "./service.js";
import {legend, list, notes} from "./items.js";
import {like} from "./play.js";

export const title = "Item";

function cell(value) {
  if (Array.isArray(value)) return value.map(label => h("span.chip", {}, String(label)));
  if (typeof value === "number") return count(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return String(value);
}

export async function show(main, {id, signal}) {
  const head = h("h1", {}, id), fields = h("section"), near = h("section", {"aria-live": "polite"});
  main.append(h("p.kicker", {}, "Item ", h("code", {}, id)), head,
    h("p.actions", {},
      h("button", {type: "button", onclick: () => { like(id, head.textContent); location.hash = "#/play"; }}, "Play somebody who likes it"),
      h("a.button", {href: "#/map?light=" + part(id)}, "Show on the map")),
    fields, h("h2", {}, "What goes with it"), near);
  const described = get("/v1/items/" + part(id), signal).then(item => {
    const named = item.title ?? item.name;
    if (typeof named === "string" && named) head.textContent = named;
    const rows = Object.entries(item).filter(([, value]) => value !== "" && value !== null);
    fields.append(h("dl.fields", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, cell(value))]).flat()));
  });
  const similar = get(`/v1/items/${part(id)}/similar?k=12&explain=true`, signal).then(reply => {
    const parts = [legend(reply.items), ...notes(reply), list(reply.items)];
    near.append(...parts.filter(Boolean));
  });
  for (const [done, place] of [[described, fields], [similar, near]]) await done.catch(error => {
    if (error.name !== "AbortError") place.append(problem(error));
  });
}
