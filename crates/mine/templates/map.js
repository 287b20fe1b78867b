"use strict";
// The map of a catalogue on a canvas: zoom by wheel, pinch, keys and buttons, drag, hover for
// titles, search, one topic at a time.
//
//   semrecMap(element, data)
//
// data: {x, y: [0..10000], topic: [number or -1], title: [text], topics: [{label, group}],
// groups: [label]}; items in the order of their topics. Colours follow the page's light or dark
// theme: the element's color-scheme, or where that leaves it open, the system's. A click on an item
// sends the element an event "pick" with its index as detail. Returns {redraw, focus(topic),
// light(items), draws}.
function semrecMap(root, data) {
  const n = data.x.length, canvas = root.querySelector("canvas"), tip = root.querySelector(".map-tip");
  const search = root.querySelector("input"), choice = root.querySelector("select"), said = root.querySelector("output");
  const pen = canvas.getContext("2d"), dark = matchMedia("(prefers-color-scheme: dark)");
  const lower = data.title.map(t => t.toLowerCase());
  let view = null, width = 0, height = 0, found = null, only = -1, hover = -1, lit = [], asked = false, draws = 0;

  // Items by cells of the map, for what is under the pointer.
  const CELLS = 128, cells = new Map();
  const cell = (x, y) => Math.floor(x * CELLS / 10001) * CELLS + Math.floor(y * CELLS / 10001);
  for (let i = 0; i < n; i++) {
    const c = cell(data.x[i], data.y[i]);
    if (!cells.has(c)) cells.set(c, []);
    cells.get(c).push(i);
  }
  // Where each topic and each group has its name: the medians of its items.
  const median = list => list.length ? list.sort((a, b) => a - b)[list.length >> 1] : 0;
  function middles(count, of) {
    const xs = Array.from({length: count}, () => []), ys = Array.from({length: count}, () => []);
    for (let i = 0; i < n; i++) {
      const k = of(data.topic[i]);
      if (k >= 0) { xs[k].push(data.x[i]); ys[k].push(data.y[i]); }
    }
    return xs.map((x, k) => ({size: x.length, x: median(x), y: median(ys[k])}));
  }
  const topicMiddles = middles(data.topics.length, t => t);
  const groupMiddles = middles(data.groups.length, t => t < 0 ? -1 : data.topics[t].group);

  function isDark(style) {
    const scheme = style.colorScheme;
    return scheme === "dark" || scheme !== "light" && dark.matches;
  }
  function colour(topic, night) {
    if (topic < 0) return night ? "#59616b" : "#c3c7cc";
    const group = data.topics[topic].group, step = topic % 3;
    const light = night ? 62 + 7 * step : 40 + 8 * step;
    return `hsl(${(group * 137.508 + 205) % 360} ${night ? 62 : 66}% ${light}%)`;
  }
  function resize() {
    const ratio = window.devicePixelRatio || 1, box = canvas.getBoundingClientRect();
    if (!box.width || !box.height) return;
    const keep = view && width ? {x: (width / 2 - view.x) / view.k, y: (height / 2 - view.y) / view.k, k: view.k / fit()} : null;
    width = box.width; height = box.height;
    canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    const k = fit() * (keep ? keep.k : 1), middle = keep || {x: 5000, y: 5000};
    view = {k, x: width / 2 - middle.x * k, y: height / 2 - middle.y * k};
    redraw();
  }
  const fit = () => Math.min(width, height) * 0.96 / 10000;
  const shown = i => (only < 0 || data.topic[i] === only) && (!found || found[i]);

  function redraw() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; draw(); });
  }
  function draw() {
    if (!view) return;
    draws++;
    const ratio = canvas.width / width, style = getComputedStyle(root), night = isDark(style);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const zoom = view.k / fit();
    const size = Math.max(1.4, Math.min(9, Math.sqrt(60000 / n) * 1.1 * Math.pow(zoom, 0.45)));
    const half = size / 2, some = found || only >= 0;
    // Those that are not meant first, faintly; then the others.
    for (const pass of some ? [0, 1] : [1]) {
      let last = -2;
      pen.globalAlpha = pass ? 0.85 : 0.13;
      const s = pass && some ? size * 1.35 : size, h = s / 2;
      for (let i = 0; i < n; i++) {
        if (some && shown(i) !== (pass === 1)) continue;
        const x = data.x[i] * view.k + view.x, y = data.y[i] * view.k + view.y;
        if (x < -9 || y < -9 || x > width + 9 || y > height + 9) continue;
        if (data.topic[i] !== last) { last = data.topic[i]; pen.fillStyle = colour(last, night); }
        pen.fillRect(x - h, y - h, s, s);
      }
    }
    pen.globalAlpha = 1;
    names(style, zoom);
    if (hover >= 0) {
      const x = data.x[hover] * view.k + view.x, y = data.y[hover] * view.k + view.y;
      pen.strokeStyle = style.color; pen.lineWidth = 1.6;
      pen.strokeRect(x - half - 3, y - half - 3, size + 6, size + 6);
    }
    for (const item of lit) {
      const x = data.x[item] * view.k + view.x, y = data.y[item] * view.k + view.y;
      pen.beginPath(); pen.arc(x, y, half + 5, 0, 7);
      pen.lineWidth = 5; pen.strokeStyle = style.backgroundColor; pen.stroke();
      pen.lineWidth = 2.4; pen.strokeStyle = style.color; pen.stroke();
    }
  }
  function names(style, zoom) {
    const near = zoom > 1.7, middles = near ? topicMiddles : groupMiddles, taken = [];
    pen.textAlign = "center"; pen.textBaseline = "middle"; pen.lineJoin = "round";
    pen.font = `600 ${near ? 12.5 : 13.5}px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif`;
    pen.strokeStyle = style.backgroundColor; pen.fillStyle = style.color; pen.lineWidth = 4;
    const order = middles.map((_, k) => k).sort((a, b) => middles[b].size - middles[a].size);
    for (const k of order) {
      const m = middles[k], label = near ? data.topics[k].label : data.groups[k];
      if (!m.size || !label || near && only >= 0 && k !== only) continue;
      const x = m.x * view.k + view.x, y = m.y * view.k + view.y, w = pen.measureText(label).width;
      if (x < 0 || y < 0 || x > width || y > height) continue;
      const box = [x - w / 2 - 4, y - 10, x + w / 2 + 4, y + 10];
      if (taken.some(b => box[0] < b[2] && b[0] < box[2] && box[1] < b[3] && b[1] < box[3])) continue;
      taken.push(box);
      pen.strokeText(label, x, y); pen.fillText(label, x, y);
    }
  }
  function zoomAt(x, y, factor) {
    const k = Math.max(fit() * 0.6, Math.min(fit() * 400, view.k * factor)), f = k / view.k;
    view = {k, x: x - (x - view.x) * f, y: y - (y - view.y) * f};
    redraw();
  }
  function under(px, py) {
    const x = (px - view.x) / view.k, y = (py - view.y) / view.k, reach = 9 / view.k, span = 10001 / CELLS;
    let best = -1, least = reach * reach;
    const a = Math.max(0, Math.floor((x - reach) / span)), b = Math.min(CELLS - 1, Math.floor((x + reach) / span));
    const c = Math.max(0, Math.floor((y - reach) / span)), d = Math.min(CELLS - 1, Math.floor((y + reach) / span));
    for (let i = a; i <= b; i++) for (let j = c; j <= d; j++) for (const item of cells.get(i * CELLS + j) || []) {
      const dx = data.x[item] - x, dy = data.y[item] - y, apart = dx * dx + dy * dy;
      if (apart < least && shown(item)) { least = apart; best = item; }
    }
    return best;
  }
  function point(event) {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
  function tell(x, y) {
    const item = under(x, y);
    if (item !== hover) { hover = item; redraw(); }
    tip.hidden = item < 0;
    if (item < 0) return;
    const topic = data.topic[item], small = document.createElement("small");
    small.textContent = topic < 0 ? "fits nowhere" : data.topics[topic].label;
    tip.replaceChildren(data.title[item], small);
    const bar = canvas.offsetTop;
    tip.style.left = Math.max(4, Math.min(x + 14, width - tip.offsetWidth - 6)) + "px";
    tip.style.top = bar + (y + 18 + tip.offsetHeight > height ? y - tip.offsetHeight - 10 : y + 18) + "px";
  }
  const pointers = new Map();
  let pressed = null;
  canvas.addEventListener("pointerdown", e => {
    canvas.setPointerCapture(e.pointerId);
    pointers.set(e.pointerId, point(e)); canvas.classList.add("dragging");
    pressed = pointers.size === 1 ? point(e) : null;
  });
  canvas.addEventListener("pointermove", e => {
    const now = point(e), before = pointers.get(e.pointerId);
    if (!before) return tell(...now);
    if (pointers.size === 2) {
      const other = [...pointers].find(p => p[0] !== e.pointerId)[1];
      const gap = p => Math.hypot(p[0] - other[0], p[1] - other[1]);
      zoomAt((now[0] + other[0]) / 2, (now[1] + other[1]) / 2, gap(now) / Math.max(1, gap(before)));
    } else {
      view.x += now[0] - before[0]; view.y += now[1] - before[1];
      redraw();
    }
    pointers.set(e.pointerId, now);
  });
  for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, e => {
    pointers.delete(e.pointerId); canvas.classList.remove("dragging");
    if (kind !== "pointerup") return;
    const now = point(e);
    tell(...now);
    const still = pressed && Math.hypot(now[0] - pressed[0], now[1] - pressed[1]) < 4;
    pressed = null;
    if (still && hover >= 0) root.dispatchEvent(new CustomEvent("pick", {detail: hover}));
  });
  canvas.addEventListener("pointerleave", () => { hover = -1; tip.hidden = true; redraw(); });
  canvas.addEventListener("wheel", e => {
    e.preventDefault();
    zoomAt(...point(e), Math.exp(-Math.max(-100, Math.min(100, e.deltaY)) * 0.004));
  }, {passive: false});
  canvas.addEventListener("dblclick", e => zoomAt(...point(e), 2));
  canvas.addEventListener("keydown", e => {
    const move = {ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60]}[e.key];
    if (move) { view.x += move[0]; view.y += move[1]; redraw(); }
    else if (e.key === "+" || e.key === "=") zoomAt(width / 2, height / 2, 1.4);
    else if (e.key === "-") zoomAt(width / 2, height / 2, 1 / 1.4);
    else if (e.key === "0") whole();
    else return;
    e.preventDefault();
  });
  function whole() { view = null; resize(); }
  // Moves to the items that are meant.
  function go(meant = shown) {
    let a = 1e9, b = 1e9, c = -1e9, d = -1e9;
    for (let i = 0; i < n; i++) if (meant(i)) {
      a = Math.min(a, data.x[i]); b = Math.min(b, data.y[i]); c = Math.max(c, data.x[i]); d = Math.max(d, data.y[i]);
    }
    if (c < a || !width) return;
    const k = Math.min(width / (c - a + 300), height / (d - b + 300), fit() * 12);
    view = {k, x: width / 2 - (a + c) / 2 * k, y: height / 2 - (b + d) / 2 * k};
    redraw();
  }
  function count() {
    if (!found && only < 0) { said.textContent = n.toLocaleString("en") + " items"; return; }
    let items = 0;
    for (let i = 0; i < n; i++) items += shown(i);
    said.textContent = items.toLocaleString("en") + " of " + n.toLocaleString("en");
  }
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    found = words.length ? lower.map(t => words.every(w => t.includes(w))) : null;
    count(); redraw();
  });
  search.addEventListener("keydown", e => { if (e.key === "Enter") go(); });
  function focus(topic) { only = topic; choice.value = String(topic); count(); if (topic < 0) whole(); else go(); }
  // Puts rings around items and moves to them.
  function light(items) {
    lit = items;
    const meant = new Set(items);
    go(i => meant.has(i));
    redraw();
  }
  choice.addEventListener("change", () => focus(Number(choice.value)));
  data.topics.forEach((t, k) => choice.add(new Option(t.label || "topic " + k, String(k))));
  for (const button of root.querySelectorAll("button")) button.addEventListener("click", () => {
    const what = button.dataset.do;
    if (what === "in") zoomAt(width / 2, height / 2, 1.5);
    else if (what === "out") zoomAt(width / 2, height / 2, 1 / 1.5);
    else { search.value = ""; found = null; focus(-1); }
  });
  dark.addEventListener("change", redraw);
  new ResizeObserver(resize).observe(canvas);
  resize(); count();
  return {redraw, draw, focus, light, zoomAt, get draws() { return draws; }};
}
