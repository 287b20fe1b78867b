// The dashboard: which view is shown, keys of the keyboard, and the key of the service.

import {h, problem} from "./elements.js";
import {key, part, useKey} from "./service.js";
import * as bundle from "./bundle.js";
import * as item from "./item.js";
import * as live from "./live.js";
import * as map from "./catalogue-map.js";
import * as person from "./person.js";
import * as play from "./play.js";
import * as search from "./search.js";

const VIEWS = {search, person, play, map, bundle, live, item};
const main = document.getElementById("main"), asks = document.getElementById("ask-key");
const keyButton = document.getElementById("key"), keyText = document.getElementById("key-text");
let shown = null, place = null;

// #/person/u1?q=… as {view, id, query}
function parsed(hash) {
  const [path, query] = hash.replace(/^#\/?/, "").split("?");
  const [view, ...rest] = path.split("/");
  let id = rest.join("/");
  try { id = decodeURIComponent(id); } catch { /* then it is meant as it stands */ }
  return {view: VIEWS[view] ? view : "search", id, query: new URLSearchParams(query || "")};
}

async function show() {
  if (location.hash === place) return;
  place = location.hash;
  shown?.abort();
  shown = new AbortController();
  const {view, id, query} = parsed(location.hash), signal = shown.signal;
  document.title = `${VIEWS[view].title} · semrec`;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  // What a view changes of its own address does not show it anew.
  const go = (query, id = "") => {
    if (signal.aborted) return;
    const text = query.toString();
    place = `#/${view}${id ? "/" + part(id) : ""}${text ? "?" + text : ""}`;
    history.replaceState(null, "", place);
  };
  const fresh = h("div.view-" + view);
  main.replaceChildren(fresh);
  scrollTo(0, 0);
  try {
    await VIEWS[view].show(fresh, {id, query, signal, go});
  } catch (error) {
    if (error.name !== "AbortError") fresh.append(problem(error));
  }
}

function again() {
  place = null;
  show();
}

function askKey(why) {
  document.getElementById("ask-key-why").textContent = why;
  keyButton.hidden = false;
  if (!asks.open) asks.showModal();
  keyText.value = "";
  keyText.focus();
}
asks.querySelector("form").addEventListener("submit", event => {
  event.preventDefault();
  useKey(keyText.value.trim());
  asks.close();
  again();
});
document.getElementById("key-away").addEventListener("click", () => asks.close());
keyButton.addEventListener("click", () => askKey("Another key, or none, for this tab."));
keyButton.hidden = !key();
addEventListener("key-needed", event => askKey(key() ? event.detail : "This service is not open to all. “semrec key add” makes a key; one of the scope admin sees every view."));

// The links of a list, one above the other.
function step(by) {
  const links = [...main.querySelectorAll(".cards .title")].filter(link => !link.closest(".reasons"));
  if (!links.length) return false;
  const at = links.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by;
  if (next < 0) main.querySelector("[data-search]")?.focus();
  else links[Math.min(next, links.length - 1)].focus();
  return true;
}

addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || asks.open) return;
  const target = event.target, writes = target.matches("input:not([type=range]):not([type=checkbox]), textarea, select");
  const down = event.key === "ArrowDown", up = event.key === "ArrowUp";
  if ((down || up) && !target.matches("textarea, select, canvas, [type=range]") && (!writes || down)) {
    if (step(down ? 1 : -1)) event.preventDefault();
    return;
  }
  if (event.key === "Escape" && writes) return target.blur();
  if (writes) return;
  const number = Number(event.key), views = document.querySelectorAll("nav a");
  if (event.key === "/") {
    const field = main.querySelector("[data-search]");
    if (field) field.focus();
    else location.hash = "#/search";
  } else if (event.key === "t") document.getElementById("theme").click();
  else if (number >= 1 && number <= views.length && !target.matches("canvas")) location.hash = views[number - 1].hash;
  else return;
  event.preventDefault();
});

document.querySelector(".skip").addEventListener("click", event => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", show);
show();
