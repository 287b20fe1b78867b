// How the service is: rates, latencies and queues, reckoned here from /metrics every two seconds.

import {h, count, problem, span, wide} from "./elements.js";
import {text} from "./service.js";

export const title = "Live";

const EVERY = 2000, KEPT = 60, WINDOW = 15;
const LATENCY = "semrec_http_request_duration_seconds";
const samples = [];

// name{label="value",…} number, as [{name, labels, value}]
export function parse(page) {
  const found = [];
  for (const line of page.split("\n")) {
    const match = /^([a-zA-Z_:]\w*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!match) continue;
    const labels = {};
    for (const [, name, value] of (match[2] || "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[name] = value;
    found.push({name: match[1], labels, value: match[3] === "+Inf" ? Infinity : Number(match[3])});
  }
  return found;
}

// Of each route: requests so far, and how many took at most so long.
function routes(metrics) {
  const found = new Map();
  for (const {name, labels, value} of metrics) {
    if (!name.startsWith(LATENCY + "_")) continue;
    const route = `${labels.method} ${labels.route}`;
    if (!found.has(route)) found.set(route, {count: 0, buckets: new Map()});
    const of = found.get(route);
    if (name === LATENCY + "_count") of.count += value;
    if (name === LATENCY + "_bucket") {
      const le = labels.le === "+Inf" ? Infinity : Number(labels.le);
      of.buckets.set(le, (of.buckets.get(le) || 0) + value);
    }
  }
  return found;
}

// Seconds below which a share of the requests between two samples was, straight within a bucket.
export function quantile(share, now, before) {
  const bounds = [...now.buckets.keys()].sort((a, b) => a - b);
  const at = bound => now.buckets.get(bound) - (before?.buckets.get(bound) || 0);
  const all = now.count - (before?.count || 0);
  if (all <= 0) return null;
  let low = 0, below = 0;
  for (const bound of bounds) {
    const upTo = at(bound);
    if (upTo >= share * all) {
      if (bound === Infinity) return low;
      return low + (bound - low) * (share * all - below) / Math.max(1, upTo - below);
    }
    low = bound;
    below = upTo;
  }
  return low;
}

const milliseconds = seconds => seconds === null ? "–" : seconds < 0.01 ? (1000 * seconds).toFixed(1) + " ms" : Math.round(1000 * seconds) + " ms";

function spark(values, name) {
  const most = Math.max(1e-9, ...values), step = 160 / (KEPT - 1), from = 160 - step * (values.length - 1);
  const points = values.map((value, at) => `${(from + at * step).toFixed(1)} ${(31 - 28 * value / most).toFixed(1)}`);
  return h("svg.spark", {viewBox: "0 0 160 34", role: "img", "aria-label": `${name}, the last two minutes`, preserveAspectRatio: "none"},
    h("path.area", {d: `M${from.toFixed(1)} 34L${points.join("L")}L160 34Z`}), h("path", {d: "M" + points.join("L")}));
}

function total(metrics, name, labels = {}) {
  const fits = m => m.name === name && Object.entries(labels).every(([k, v]) => m.labels[k] === v);
  return metrics.filter(fits).reduce((sum, m) => sum + m.value, 0);
}

// What one of the last samples adds to the one before, a second.
function rates(of) {
  return samples.slice(1).map((now, at) => Math.max(0, of(now) - of(samples[at])) / ((now.time - samples[at].time) / 1000));
}

function card(name, value, values) {
  return h("li.live", {}, h("span", {}, name), h("b", {}, value), values && values.length > 1 ? spark(values, name) : null);
}

function cards(now) {
  const requests = sample => [...sample.routes.values()].reduce((sum, r) => sum + r.count, 0);
  const events = sample => total(sample.metrics, "semrec_events_total", {result: "accepted"});
  const last = values => values.length ? values[values.length - 1].toFixed(1) : "–";
  const asked = rates(requests), told = rates(events);
  const gauge = name => total(now.metrics, name);
  // Of events of people who were given a list, those whose item was on it.
  const online = result => total(now.metrics, "semrec_online_events_total", {result});
  const judged = online("hit") + online("miss"), hits = judged ? online("hit") / judged : null;
  return h("ul.lives", {},
    card("requests a second", last(asked), asked),
    card("events a second", last(told), told),
    card("items", count(gauge("semrec_items")), samples.map(s => total(s.metrics, "semrec_items"))),
    card("people", count(gauge("semrec_people")), samples.map(s => total(s.metrics, "semrec_people"))),
    hits === null ? null : card("of events were recommended", (100 * hits).toFixed(1) + " %"),
    card("age of the model", span(gauge("semrec_model_age_seconds"))));
}

function queues(now) {
  const found = now.metrics.filter(m => m.name === "semrec_queue_depth");
  const most = Math.max(16, ...found.map(m => m.value));
  return h("dl.queues", {}, found.map(m => [h("dt", {}, m.labels.queue),
    h("dd", {}, h("span.meter", {}, wide(h("i.c0"), m.value / most)), h("span", {}, count(m.value) + " wait"))]).flat());
}

function table(now) {
  const before = samples[Math.max(0, samples.length - 1 - WINDOW)];
  const rows = [...now.routes].map(([route, of]) => {
    const then = before === now ? null : before.routes.get(route);
    const some = of.count - (then?.count || 0) > 0 ? then : null;
    const seconds = before === now ? 0 : (now.time - before.time) / 1000;
    const rate = seconds && then ? (of.count - then.count) / seconds : 0;
    return {route, rate, of, p50: quantile(0.5, of, some), p99: quantile(0.99, of, some)};
  });
  rows.sort((a, b) => b.rate - a.rate || b.of.count - a.of.count);
  const head = ["route", "a second", "p50", "p99", "so far"];
  return h("div.scroll", {}, h("table", {},
    h("thead", {}, h("tr", {}, head.map(name => h("th", {scope: "col"}, name)))),
    h("tbody", {}, rows.map(row => h("tr", {}, h("th", {scope: "row"}, h("code", {}, row.route)),
      h("td", {}, row.rate.toFixed(1)), h("td", {}, milliseconds(row.p50)), h("td", {}, milliseconds(row.p99)), h("td", {}, count(row.of.count)))))));
}

export async function show(main, {signal}) {
  const place = h("div");
  main.append(h("h1", {}, "Live"), place);
  while (!signal.aborted) {
    try {
      const metrics = parse(await text("/metrics", signal));
      const now = {time: performance.now(), metrics, routes: routes(metrics)};
      if (samples.length && now.time - samples[samples.length - 1].time > 5 * EVERY) samples.length = 0;
      samples.push(now);
      if (samples.length > KEPT) samples.shift();
      place.replaceChildren(cards(now), h("h2", {}, "Queues"), queues(now), h("h2", {}, "Routes"),
        h("p.note", {}, "Of the last half minute; where a route was quiet, of all the time since the start. Latencies are read off the buckets of the histogram."), table(now));
    } catch (error) {
      if (error.name === "AbortError") return;
      place.replaceChildren(problem(error));
    }
    await new Promise(resolve => {
      const timer = setTimeout(resolve, EVERY);
      signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, {once: true});
    });
  }
}
