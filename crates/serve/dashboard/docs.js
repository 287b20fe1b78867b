// The routes of /openapi.json, each with a form to try it.

import {h, problem} from "./elements.js";
import {get, key, send, useKey} from "./service.js";

const keyText = document.getElementById("key-text");
keyText.value = key();
keyText.addEventListener("change", () => useKey(keyText.value.trim()));
document.getElementById("key-form").addEventListener("submit", event => event.preventDefault());

// What a schema looks like, filled in: examples and defaults first.
function sample(schema, all, depth = 0) {
  if (!schema || depth > 6) return {};
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined) return schema.default;
  if (schema.$ref) return sample(all[schema.$ref.split("/").pop()], all, depth + 1);
  const choice = schema.oneOf || schema.anyOf;
  if (choice) return sample(choice.find(c => c.type !== "null") || choice[0], all, depth + 1);
  const type = Array.isArray(schema.type) ? schema.type.find(t => t !== "null") : schema.type;
  if (type === "array") return [sample(schema.items, all, depth + 1)];
  if (type === "integer" || type === "number") return 1;
  if (type === "boolean") return false;
  if (type === "string") return "";
  const needed = schema.required || [];
  return Object.fromEntries(needed.map(name => [name, sample(schema.properties?.[name], all, depth + 1)]));
}

// The fields of a body, with what they mean.
function fields(schema, all) {
  if (!schema) return null;
  if (schema.$ref) return fields(all[schema.$ref.split("/").pop()], all);
  if (schema.type === "array") return fields(schema.items, all);
  const rows = Object.entries(schema.properties || {});
  if (!rows.length) return null;
  const needed = schema.required || [];
  return h("dl.fields", {}, rows.map(([name, field]) => [
    h("dt", {}, h("code", {}, name), needed.includes(name) ? " *" : ""),
    h("dd", {}, field.description || "")]).flat());
}

const quoted = text => `'${text.replaceAll("'", "'\\''")}'`;

function curl(method, url, body) {
  const words = ["curl", "-s"];
  if (method !== "GET" && !(method === "POST" && body)) words.push("-X", method);
  words.push(quoted(url));
  if (key()) words.push("-H", quoted("Authorization: Bearer KEY"));
  if (body) words.push("-d", quoted(body));
  return words.join(" ");
}

function tried(path, method, operation, all) {
  const given = (operation.parameters || []).map(parameter => {
    const field = h("input", {type: "text", autocomplete: "off", placeholder: parameter.schema?.type || ""});
    const name = `${parameter.name}${parameter.required ? " *" : ""}`;
    const label = h("label", {}, h("span", {}, h("code", {}, name), " ", h("small", {}, `${parameter.in}. ${parameter.description || ""}`)), field);
    return {parameter, field, label};
  });
  const content = operation.requestBody?.content, media = content && (content["application/json"] || Object.values(content)[0]);
  const start = media && (media.example ?? sample(media.schema, all));
  const body = media && h("textarea", {rows: 5, value: JSON.stringify(start, null, 2), spellcheck: false});
  const answer = h("div.answer", {"aria-live": "polite"});
  async function run() {
    let address = path;
    const query = new URLSearchParams();
    for (const {parameter, field} of given) {
      if (parameter.in === "path") address = address.replace(`{${parameter.name}}`, encodeURIComponent(field.value));
      else if (parameter.in === "query" && field.value) query.set(parameter.name, field.value);
    }
    if (query.size) address += "?" + query;
    const began = performance.now();
    try {
      const response = await send(method, address, {body: body?.value});
      const text = await response.text(), took = performance.now() - began;
      let told = text;
      try { told = JSON.stringify(JSON.parse(text), null, 2); } catch { /* it is no JSON */ }
      answer.replaceChildren(
        h("p", {}, h(response.ok ? "b.good" : "b.bad", {}, `${response.status} ${response.statusText}`), ` in ${took.toFixed(0)} ms`),
        h("pre", {}, curl(method, location.origin + address, body?.value)), h("pre.told", {}, told.slice(0, 20000)));
    } catch (error) {
      answer.replaceChildren(problem(error));
    }
  }
  return h("form", {onsubmit: event => { event.preventDefault(); run(); }},
    given.filter(g => g.parameter.in !== "header").map(g => g.label),
    body && h("label", {}, h("span", {}, "Body"), body),
    media && h("details", {}, h("summary", {}, "Fields of the body"), fields(media.schema, all) || h("p.note", {}, "Any fields.")),
    h("p.actions", {}, h("button.main", {type: "submit"}, "Send")), answer);
}

function route(path, method, operation, all) {
  const name = method.toUpperCase(), details = h("details.route");
  const words = operation.description || operation.summary || "";
  details.append(h("summary", {}, h(`b.method.${method}`, {}, name), h("code", {}, path), h("span.note", {}, words.split(/[.:](?:\s|$)/)[0])));
  // The form is made when it is looked at.
  details.addEventListener("toggle", () => {
    if (details.childElementCount === 1) details.append(h("p", {}, words), tried(path, name, operation, all));
  });
  return details;
}

try {
  const document_ = await get("/openapi.json"), all = document_.components?.schemas || {};
  // What recommends and searches first, what looks after it last.
  const first = ["/v1/recommend", "/v1/users", "/v1/search", "/v1/items", "/v1/events", "/v1/"];
  const rank = path => first.findIndex(start => path.startsWith(start)) + 1 || first.length + 1;
  const paths = Object.entries(document_.paths).sort(([a], [b]) => rank(a) - rank(b));
  const routes = paths.flatMap(([path, operations]) =>
    Object.entries(operations).filter(([, o]) => o.responses).map(([method, operation]) => route(path, method, operation, all)));
  document.getElementById("routes").replaceChildren(...routes);
} catch (error) {
  document.getElementById("routes").replaceChildren(problem(error));
}
