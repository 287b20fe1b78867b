// A person played: who likes these, does not want those, and wrote this sentence.

import {h, debounced, problem} from "./elements.js";
import {post, part} from "./service.js";
import {legend, list, notes} from "./items.js";

export const title = "Play";

// What is played, kept while the page is open.
const played = {likes: new Map(), dislikes: new Map(), text: "", filter: "", diversity: 0, distinct: false};

export function like(id, title) {
  played.dislikes.delete(id);
  played.likes.set(id, title);
}

function dislike(id, title) {
  played.likes.delete(id);
  played.dislikes.set(id, title);
}

const isNobody = () => !played.likes.size && !played.dislikes.size && !played.text.trim();

function body() {
  const asked = {k: 10, explain: true, diversity: played.diversity, distinct: played.distinct};
  if (played.likes.size) asked.positive = [...played.likes.keys()];
  if (played.dislikes.size) asked.negative = [...played.dislikes.keys()];
  if (played.text.trim()) asked.text = played.text.trim();
  if (played.filter.trim()) asked.filter = played.filter.trim();
  return asked;
}

// A box that finds items to like or not.
function finder(changed, signal) {
  const words = h("input.wide", {type: "search", placeholder: "Find items to like", "aria-label": "Find items", autocomplete: "off", "data-search": true});
  const found = h("ul.found", {"aria-label": "Found items"});
  let asked = null;
  const search = debounced(async () => {
    asked?.abort();
    asked = new AbortController();
    const text = words.value.trim();
    if (!text) return found.replaceChildren();
    try {
      const reply = await post("/v1/search", {query: text, k: 6}, AbortSignal.any([asked.signal, signal]));
      found.replaceChildren(...reply.items.map(item => h("li", {},
        h("span", {}, item.title || item.item),
        h("button.plus", {type: "button", "aria-label": `Like ${item.title}`, onclick: () => { like(item.item, item.title); changed(); }}, "like"),
        h("button.minus", {type: "button", "aria-label": `Do not want ${item.title}`, onclick: () => { dislike(item.item, item.title); changed(); }}, "not this"))));
    } catch (error) {
      if (error.name !== "AbortError") found.replaceChildren(problem(error));
    }
  });
  words.addEventListener("input", search);
  return [words, found];
}

function chosen(items, kind, changed) {
  const remove = id => () => { items.delete(id); changed(); };
  return [...items].map(([id, title]) => h(`span.chip.${kind}`, {}, title || id, " ",
    h("button.x", {type: "button", "aria-label": `Take ${title} out`, onclick: remove(id)}, "×")));
}

export function show(main, {signal}) {
  const likes = h("p.picked", {"aria-label": "Liked"}), dislikes = h("p.picked", {"aria-label": "Not wanted"});
  const next = h("section.column", {"aria-live": "polite", "aria-label": "Recommendations"});
  let asked = null;
  async function ask() {
    asked?.abort();
    const mine = asked = new AbortController();
    next.setAttribute("aria-busy", "true");
    try {
      const reply = await post("/v1/recommend", body(), AbortSignal.any([mine.signal, signal]));
      const ids = reply.items.map(item => part(item.item)).join(",");
      const actions = item => h("span.act", {},
        h("button.plus", {type: "button", "aria-label": `Like ${item.title}`, onclick: () => { like(item.item, item.title); changed(); }}, "like"),
        h("button.minus", {type: "button", "aria-label": `Do not want ${item.title}`, onclick: () => { dislike(item.item, item.title); changed(); }}, "not this"));
      const parts = [
        isNobody() && h("p.note", {}, "Nobody in particular: what most people choose. Like something, or write a sentence."),
        legend(reply.items), ...(isNobody() ? [] : notes(reply)), list(reply.items, {actions}),
        h("p.actions", {}, h("a.button", {href: "#/map?light=" + ids}, "Light these up on the map"))];
      next.replaceChildren(...parts.filter(Boolean));
    } catch (error) {
      if (error.name !== "AbortError") next.replaceChildren(problem(error));
    }
    if (asked === mine) next.setAttribute("aria-busy", "false");
  }
  function changed() {
    likes.replaceChildren(...chosen(played.likes, "plus", changed));
    dislikes.replaceChildren(...chosen(played.dislikes, "minus", changed));
    return ask();
  }
  const soon = debounced(ask);
  const field = (element, name) => {
    element.addEventListener("input", () => { played[name] = element.value; soon(); });
    return element;
  };
  const text = field(h("textarea", {rows: 2, value: played.text, placeholder: "e.g. something light for a long flight"}), "text");
  const filter = field(h("input", {type: "text", value: played.filter, placeholder: "e.g. price < 20", autocomplete: "off"}), "filter");
  const amount = h("span", {}, played.diversity.toFixed(2));
  const diversity = h("input", {type: "range", min: 0, max: 1, step: 0.05, value: played.diversity});
  diversity.addEventListener("input", () => { played.diversity = Number(diversity.value); amount.textContent = played.diversity.toFixed(2); soon(); });
  const distinct = h("input", {type: "checkbox", checked: played.distinct});
  distinct.addEventListener("change", () => { played.distinct = distinct.checked; ask(); });
  const clear = () => {
    for (const items of [played.likes, played.dislikes]) items.clear();
    Object.assign(played, {text: "", filter: "", diversity: 0, distinct: false});
    text.value = filter.value = "";
    diversity.value = 0;
    amount.textContent = "0.00";
    distinct.checked = false;
    changed();
  };
  main.append(h("h1", {}, "Play a person"), h("p.lead", {}, "Somebody who likes these and wrote this sentence: what would they get, and why?"),
    h("div.columns.play", {},
      h("section.column.panel", {}, ...finder(changed, signal),
        h("h2", {}, "Likes"), likes, h("h2", {}, "Does not want"), dislikes,
        h("label", {}, h("span", {}, "Wrote"), text),
        h("label", {}, h("span", {}, "Filter"), filter),
        h("label", {}, h("span", {}, "Diversity ", amount), diversity),
        h("label.check", {}, distinct, " leave out what reads nearly alike"),
        h("button", {type: "button", onclick: clear}, "Start over")),
      next));
  return changed();
}
