// Elements made of texts. What comes from the service goes in as text and never as markup, so that
// nothing an item is called can do anything here.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "path", "line", "circle", "g"]);

// h("li.card", {hidden: true, onclick: f, "aria-label": "…"}, "text", element, …)
export function h(kind, given, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = DRAWN.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(given || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return element;
}

// A share of the width, set by the object model: the policy allows no style attributes.
export function wide(element, share) {
  element.style.width = (100 * Math.max(0, Math.min(1, share))).toFixed(2) + "%";
  return element;
}

export const count = number => Number(number).toLocaleString("en");

// 3.142, 0.0314, 31.4
export function figure(number) {
  if (typeof number !== "number" || !Number.isFinite(number)) return "–";
  const size = Math.abs(number);
  return number.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.001 || size === 0 ? 4 : 6);
}

// +1.57, −0.02
export const signed = number => (number < 0 ? "−" : "+") + Math.abs(number).toFixed(2);

// The beginning of a long text.
export const short = (text, most) => text.length > most ? text.slice(0, most - 1).trimEnd() + "…" : text;

// 5 seconds, 3 hours
export function span(seconds) {
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const [name, size] = units.find(([, size]) => Math.abs(seconds) >= size) || units[3];
  const number = Math.round(seconds / size);
  return `${count(number)} ${name}${number === 1 ? "" : "s"}`;
}

// Calls `what` once it has been quiet for a moment.
export function debounced(what, milliseconds = 160) {
  let waiting = 0;
  return (...given) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => what(...given), milliseconds);
  };
}

// What went wrong, for people.
export function problem(error) {
  return h("p.problem", {role: "alert"}, error.message || String(error));
}
