// Lists of items: titles, sources, reasons as words and as bars.

import {h, wide, figure, short, signed} from "./elements.js";
import {part} from "./service.js";

const SOURCES = ["content", "item-knn", "ease", "als", "popularity", "recent-popularity", "sasrec", "hybrid"];
// Causes that are drawn of an item; the rest is added up.
const CAUSES = 4;

export function colour(source) {
  const at = SOURCES.indexOf(source);
  return at >= 0 ? at : 8;
}

export const source = name => h(`span.source.c${colour(name)}`, {}, name);
// A link to an item; the whole of a long title is told when one points at it.
export function link(id, title, most = 160) {
  const name = title || id;
  return h("a.title", {href: "#/item/" + part(id), title: name.length > most && name}, short(name, most));
}

// What an item's score goes back to: each cause with its parts by model.
function causes(reasons) {
  const found = new Map();
  for (const reason of reasons) {
    const name = reason.cause + "\n" + (reason.item || "");
    if (!found.has(name)) found.set(name, {cause: reason.cause, item: reason.item, title: reason.title, words: [], facts: [], parts: []});
    const cause = found.get(name);
    cause.parts.push({source: reason.source, amount: reason.amount});
    for (const {word} of reason.words || []) if (!cause.words.includes(word)) cause.words.push(word);
    for (const fact of reason.facts || []) if (!cause.facts.includes(fact)) cause.facts.push(fact);
  }
  const weight = cause => cause.parts.reduce((sum, p) => sum + Math.abs(p.amount), 0);
  const ordered = [...found.values()].sort((a, b) => weight(b) - weight(a));
  const told = ordered.slice(0, CAUSES), rest = ordered.slice(CAUSES);
  if (rest.length) told.push({cause: "rest", words: [], facts: [], of: rest.length, parts: rest.flatMap(c => c.parts)});
  return told;
}

// Parts of one model added up, those that speak for the item and those against it. What an item has
// of itself is one part: how much it is chosen, at all and lately, which often cancel out.
function sides({cause, parts}) {
  const sums = new Map();
  for (const {source, amount} of parts) sums.set(source, (sums.get(source) || 0) + amount);
  let all = [...sums].map(([source, amount]) => ({source, amount}));
  if (cause === "item" && all.length) {
    const largest = all.reduce((a, b) => Math.abs(b.amount) > Math.abs(a.amount) ? b : a);
    all = [{source: largest.source, amount: all.reduce((sum, p) => sum + p.amount, 0)}];
  }
  const total = list => list.reduce((sum, p) => sum + Math.abs(p.amount), 0);
  const plus = all.filter(p => p.amount > 0), minus = all.filter(p => p.amount < 0);
  return {plus, minus, more: total(plus), less: total(minus)};
}

function name(cause) {
  if (cause.cause === "history") return ["because of ", link(cause.item, cause.title, 64)];
  if (cause.cause === "text") return ["what was written"];
  if (cause.cause === "item") return ["the item itself: how many choose it"];
  return [`${cause.of} smaller reasons`];
}

function bar(side, scale, against) {
  const segment = p => wide(h(`i.c${colour(p.source)}`, {title: `${p.source} ${figure(p.amount)}`}), Math.abs(p.amount) / scale);
  return h(against ? "span.against" : "span.for", {}, (against ? side.minus : side.plus).map(segment));
}

function reasons(told, scale) {
  const {most, least} = scale;
  return told.map(cause => {
    const side = sides(cause), sum = side.more - side.less;
    const chips = [...cause.words, ...cause.facts].map(word => h("span.chip", {}, word));
    const bars = h("span.bars", {"aria-hidden": "true"},
      least > 0 && wide(bar(side, least, true), least / (most + least)),
      wide(bar(side, most, false), most / (most + least || 1)));
    return h("li", {}, h("span.cause", {}, name(cause), " ", chips), bars, h("span.sum", {}, signed(sum)));
  });
}

// The models whose colours are used.
export function legend(items) {
  const names = new Set(items.flatMap(item => (item.reasons || []).map(reason => reason.source)));
  return names.size ? h("p.legend", {"aria-label": "Colours of the models"}, [...names].map(source)) : null;
}

// An answer of the service as a list; `actions` makes buttons of an item.
export function list(items, {actions, empty = "nothing was found"} = {}) {
  if (!items.length) return h("p.note", {}, empty);
  const told = items.map(item => causes(item.reasons || []));
  const all = told.flat().map(sides);
  const scale = {most: Math.max(0, ...all.map(s => s.more)), least: Math.max(0, ...all.map(s => s.less))};
  const rows = items.map((item, at) => h("li.card", {"data-item": item.item},
    h("span.rank", {"aria-hidden": "true"}, String(at + 1)),
    h("div.told", {},
      h("p.head", {}, link(item.item, item.title), " ", h("span.id", {}, item.item)),
      item.why && h("p.why", {}, item.why),
      told[at].length > 0 && h("ul.reasons", {"aria-label": "Reasons"}, reasons(told[at], scale))),
    h("div.side", {}, source(item.source), h("span.score", {title: "score, comparable within this list"}, figure(item.score)), actions && actions(item))));
  return h("ol.cards", {}, rows);
}

export const notes = reply => (reply.notes || []).map(note => h("p.note", {}, note));
