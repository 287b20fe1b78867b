// How the service learns on: what it is doing, what came of it, and the two things one can ask of it.

import {h, count, figure, problem, span} from "./elements.js";
import {get, post} from "./service.js";

const EVERY = 2000;
const DOING = {exporting: "writing its data", training: "training", judging: "comparing with the bundle in service", swapping: "changing bundles"};
const CAME = {swapped: "entered service", kept: "was worse: the old one stayed", waiting: "too few new events", failed: "failed", rolledback: "rolled back"};

const when = seconds => new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
const of = bundle => bundle === 0 ? "the one it began with" : `number ${bundle}`;

function facts(status) {
  const told = [
    [status.step === "idle" ? "waits" : DOING[status.step], "now"],
    [of(status.bundle), "bundle in service"],
    [count(status.events_since), "events since its training"],
    status.drift_of_events !== undefined && [figure(status.drift_of_events), "drift of events"],
    status.drift_of_scores !== undefined && [figure(status.drift_of_scores), "drift of scores"],
    status.next !== undefined && [when(status.next), "next, UTC"]];
  return h("ul.facts", {}, told.filter(Boolean).map(([value, name]) => h("li", {}, h("b", {}, value), h("span", {}, name))));
}

function made(status) {
  if (!status.made.length) return h("p.note", {}, "Nothing was trained since the service began.");
  const row = one => h("tr", {}, h("th", {scope: "row"}, when(one.begun)), h("td", {}, one.because), h("td", {}, span(one.ended - one.begun)),
    h("td", {}, CAME[one.outcome]), h("td", {}, one.verdict ? `${figure(one.verdict.ndcg_in_service)} → ${figure(one.verdict.ndcg_new)}` : "–"), h("td.text", {}, one.detail));
  const head = ["begun, UTC", "because of", "took", "the new bundle", "ndcg@10, old → new", ""].map(name => h("th", {scope: "col"}, name));
  return h("div.scroll", {}, h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, status.made.map(row))));
}

// Fills `place`, and again while something is being done.
async function fill(place, signal, asked) {
  try {
    const status = asked || await get("/v1/refit", signal), idle = status.step === "idle";
    const act = path => async () => {
      try {
        await fill(place, signal, await post(path, undefined, signal));
      } catch (error) {
        if (error.name !== "AbortError") place.append(problem(error));
      }
    };
    place.replaceChildren(facts(status),
      h("p", {}, h("button", {onclick: act("/v1/refit"), disabled: !idle}, "Train anew"), " ",
        status.can_roll_back && h("button", {onclick: act("/v1/rollback"), disabled: !idle}, "Back to the bundle before")),
      made(status));
    if (!signal.aborted && (!idle || asked)) setTimeout(() => signal.aborted || fill(place, signal), EVERY);
  } catch (error) {
    if (error.name !== "AbortError") place.replaceChildren(h("p.note", {}, error.message));
  }
}

export function learning(signal) {
  const place = h("div.learning");
  fill(place, signal);
  return place;
}
