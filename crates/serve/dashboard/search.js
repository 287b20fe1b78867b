// The catalogue searched by meaning, as one types.

import {h, debounced, problem} from "./elements.js";
import {post} from "./service.js";
import {list, notes} from "./items.js";

export const title = "Search";

export function show(main, {query, go, signal}) {
  const words = h("input.wide", {type: "search", value: query.get("q") || "", placeholder: "Search by meaning: what would you like?", "aria-label": "Search the catalogue", autocomplete: "off", "data-search": true});
  const filter = h("input", {type: "text", value: query.get("filter") || "", placeholder: "filter, e.g. price < 20 and in_stock", "aria-label": "Filter", autocomplete: "off"});
  const found = h("section", {"aria-live": "polite", "aria-label": "Results"});
  let asked = null;
  async function search() {
    asked?.abort();
    asked = new AbortController();
    const body = {k: 20, explain: true}, text = words.value.trim();
    if (filter.value.trim()) body.filter = filter.value.trim();
    const place = new URLSearchParams();
    if (text) place.set("q", words.value);
    if (body.filter) place.set("filter", filter.value);
    go(place);
    try {
      const signals = AbortSignal.any([asked.signal, signal]);
      const reply = text
        ? await post("/v1/search", {...body, query: text}, signals)
        : await post("/v1/recommend", {...body, explain: false, k: 12}, signals);
      const began = text ? null : h("p.note", {}, "Chosen by most people. Press / and type to search.");
      found.replaceChildren(...[began, ...(text ? notes(reply) : []), list(reply.items, {empty: "No item passes."})].filter(Boolean));
    } catch (error) {
      if (error.name !== "AbortError") found.replaceChildren(problem(error));
    }
  }
  const soon = debounced(search);
  for (const field of [words, filter]) field.addEventListener("input", soon);
  main.append(h("h1", {}, "Search the catalogue"),
    h("form.line", {role: "search", onsubmit: event => { event.preventDefault(); search(); }}, words, filter), found);
  return search();
}
