// What is in service, and how good it was when it was measured.

import {h, count, figure, problem, span, wide} from "./elements.js";
import {learning} from "./learning.js";
import {get} from "./service.js";

export const title = "Bundle";

const METRICS = ["recall@10", "ndcg@10", "mrr@10", "coverage@10", "novelty@10", "diversity@10"];
const CHART = "ndcg@10";

function facts(bundle) {
  const told = [
    [bundle.model, "model"],
    [bundle.encoder ? bundle.encoder.name : "none", "encoder"],
    [count(bundle.now.items), "items now"],
    [count(bundle.now.people), "people now"],
    [count(bundle.now.events), "events stored"],
    [span(bundle.age), "old"]];
  return h("ul.facts", {}, told.map(([value, name]) => h("li", {}, h("b", {}, value), h("span", {}, name))));
}

function table(results, serving) {
  const names = METRICS.filter(name => results.models.some(model => name in model.metrics));
  const best = name => Math.max(...results.models.map(model => model.metrics[name] ?? -Infinity));
  const most = Math.max(...results.models.map(model => model.ci95?.[CHART]?.[1] ?? model.metrics[CHART] ?? 0));
  const row = model => {
    const [low, high] = model.ci95?.[CHART] || [];
    const chart = h("span.meter", {title: `${CHART} ${figure(model.metrics[CHART])}, 95 % of ${figure(low)} to ${figure(high)}`},
      wide(h("i.c0"), (model.metrics[CHART] || 0) / (most || 1)));
    return h("tr", {class: model.name === serving && "serving"},
      h("th", {scope: "row"}, model.name), h("td.chart", {}, chart),
      names.map(name => h(model.metrics[name] === best(name) ? "td.best" : "td", {}, figure(model.metrics[name]))));
  };
  const head = h("tr", {}, h("th", {scope: "col"}, "model"), h("td", {}), names.map(name => h("th", {scope: "col"}, name)));
  return h("div.scroll", {}, h("table", {}, h("thead", {}, head), h("tbody", {}, results.models.map(row))));
}

function measured(bundle) {
  const results = bundle.results;
  if (!results || !Array.isArray(results.models) || !results.models.length) {
    return [h("p.note", {}, "Nothing was measured when this bundle was made. “semrec up” measures before it trains; “semrec evaluate” measures any time.")];
  }
  const p = results.protocol || {};
  const how = `Split ${p.split}, ${count(p.users_evaluated || 0)} people, ${p.candidates === "full" ? "the full catalogue" : "items without events"} ranked, seed ${p.seed}. Measured before the model was fitted again on everything.`;
  return [h("p.note", {}, how), table(results, bundle.model), ...(p.warnings || []).map(text => h("p.warning", {}, text))];
}

export async function show(main, {signal}) {
  main.append(h("h1", {}, "The bundle in service"));
  try {
    const bundle = await get("/v1/bundle", signal), data = bundle.dataset;
    main.append(facts(bundle),
      h("h2", {}, "How good it is"), ...measured(bundle),
      h("h2", {}, "What the model learned"),
      bundle.notes.length ? h("ul.learned", {}, bundle.notes.map(note => h("li", {}, note))) : h("p.note", {}, "Nothing to tell."),
      h("h2", {}, "Learning on"), learning(signal),
      h("h2", {}, "What it is made of"),
      h("dl.fields", {},
        h("dt", {}, "data set"), h("dd", {}, `${data.name}: ${count(data.items)} items, ${count(data.people)} people, ${count(data.events)} events`),
        h("dt", {}, "fingerprint"), h("dd", {}, h("code", {}, data.fingerprint)),
        h("dt", {}, "made"), h("dd", {}, new Date(bundle.created * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC"),
        bundle.encoder && [h("dt", {}, "encoder"), h("dd", {}, `${bundle.encoder.name} `, h("code", {}, bundle.encoder.fingerprint))],
        h("dt", {}, "facts"), h("dd", {}, bundle.facts),
        h("dt", {}, "fields"), h("dd", {}, bundle.fields.map(name => h("span.chip", {}, name)))),
      h("details", {}, h("summary", {}, "Parameters"), h("pre", {}, JSON.stringify(bundle.params, null, 2))));
  } catch (error) {
    if (error.name !== "AbortError") main.append(problem(error));
  }
}
