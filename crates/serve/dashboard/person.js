// A person: what they did, and what is recommended to them.

import {h, debounced, problem} from "./elements.js";
import {get, part} from "./service.js";
import {legend, link, list, notes} from "./items.js";

export const title = "Person";

// Where data have no times, an event has its place in the person's sequence.
const when = time => time > 1e8 ? new Date(time * 1000).toISOString().slice(0, 16).replace("T", " ") : "no. " + time;

function did(event) {
  const what = event.value === 1 ? event.type : `${event.type} ${event.value}`;
  const named = event.known ? link(event.item_id, event.title, 90) : h("span.gone", {}, (event.title || event.item_id) + " (not there)");
  return h("li", {}, h("span.when", {}, when(event.time)), named, h("span.chip", {}, what));
}

// All that is stored, a page at a time.
async function history(place, id, signal) {
  const rows = h("ol.events"), more = h("button", {type: "button"}, "Older events");
  let cursor = "";
  async function page() {
    const reply = await get(`/v1/users/${part(id)}?limit=25${cursor}`, signal);
    rows.append(...reply.events.map(did));
    more.hidden = !reply.next;
    cursor = "&cursor=" + part(reply.next || "");
  }
  more.addEventListener("click", () => page().catch(error => place.append(problem(error))));
  await page();
  place.append(rows, more);
}

export function show(main, {id, go, signal}) {
  const name = h("input.wide", {type: "search", value: id || "", placeholder: "Id of a person", "aria-label": "Id of a person", autocomplete: "off", "data-search": true});
  const past = h("section.column"), next = h("section.column", {"aria-live": "polite"});
  let asked = null;
  async function look() {
    asked?.abort();
    asked = new AbortController();
    const who = name.value.trim(), signals = AbortSignal.any([asked.signal, signal]);
    go(new URLSearchParams(), who);
    past.replaceChildren();
    next.replaceChildren();
    if (!who) {
      past.append(h("p.note", {}, "Ids are those of the events: the users of the file that the bundle was made of, and the user_id of those sent since."));
      return;
    }
    const events = h("div"), items = h("div");
    past.append(h("h2", {}, "What they did"), events);
    next.append(h("h2", {}, "Recommended now"), items);
    const recommended = get(`/v1/users/${part(who)}/recommendations?k=10&explain=true`, signals).then(reply => {
      const parts = [legend(reply.items), ...notes(reply), list(reply.items)];
      items.replaceChildren(...parts.filter(Boolean));
    });
    for (const [done, place] of [[history(events, who, signals), events], [recommended, items]]) await done.catch(error => {
      if (error.name !== "AbortError") place.replaceChildren(problem(error));
    });
  }
  name.addEventListener("input", debounced(look, 300));
  main.append(h("h1", {}, "Look up a person"),
    h("form.line", {role: "search", onsubmit: event => { event.preventDefault(); look(); }}, name),
    h("div.columns", {}, past, next));
  return look();
}
