// The view of the cache: its entries, a page at a time.

import { json } from "./data.mjs";
import { age, bytes, copyable, DRIFTS, el, link, plural, time } from "./dom.mjs";
import { Rows } from "./rows.mjs";

const ORDERS = { newest: "newest first", oldest: "oldest first", largest: "largest first", used: "most used first", host: "by host", model: "by model" };
const PAGE = 200;

export async function cache(main, signal) {
  const chosen = { text: "", host: "", model: "", test: "", unused: "", drift: "", sort: "newest" };
  const count = el("p.quiet", { role: "status" }, "Reading the cache…");
  const list = new Rows("Entries", 44, row, (item) => item.key);
  const hint = el("div");
  let offset = 0;
  let asked = 0;
  let fresh = true;

  async function show() {
    const number = asked += 1;
    const query = new URLSearchParams({ ...chosen, offset, ...(fresh ? { fresh: 1 } : {}) });
    let found;
    try { found = await json(`entries?${query}`, signal); } catch (error) {
      if (!signal.aborted) count.textContent = error.message;
      return;
    }
    if (number !== asked) return;
    fresh = false;
    choose(host, found.hosts, "every host");
    choose(model, found.models, "every model");
    choose(drift, [...found.drifts, ["none", found.entries - found.drifts.reduce((sum, [, number]) => sum + number, 0)]], "any drift verdict", (name) => DRIFTS[name] ?? name);
    drift.hidden = !found.drifts.length && !chosen.drift;
    list.view.scrollTop = 0;
    list.set(found.rows.map((item) => ({ ...item, live: found.live })));
    const from = found.count ? offset + 1 : 0;
    count.textContent = `${from.toLocaleString("en")}–${(offset + found.rows.length).toLocaleString("en")} of ${plural(found.count, "entry", "entries")}, ${bytes(found.size)}`
      + (found.count < found.entries ? ` (of ${found.entries.toLocaleString("en")} in the cache)` : "");
    back.disabled = offset === 0;
    next.disabled = offset + found.rows.length >= found.count;
    hint.replaceChildren(...(chosen.unused ? [el("p.quiet", {}, "Not used in this run; tests that did not run may need them. This lists what was unused for longer:"), ...found.commands.map((command) => copyable(command))] : []));
  }

  function change(name, value) {
    chosen[name] = value;
    offset = 0;
    show();
  }

  const select = (name, label) => el("select", { "aria-label": label, onchange: (event) => change(name, event.target.value) });
  const host = select("host", "Host");
  const model = select("model", "Model");
  const drift = select("drift", "Drift verdict");
  const order = select("sort", "Order");
  order.append(...Object.entries(ORDERS).map(([value, name]) => el("option", { value }, name)));
  const search = (name, label) => el("input", { type: "search", placeholder: label, "aria-label": label, oninput: (event) => change(name, event.target.value) });
  const unused = el("label", {}, el("input", { type: "checkbox", onchange: (event) => change("unused", event.target.checked ? "1" : "") }), " unused in this run");
  const turn = (by) => () => { offset = Math.max(0, offset + by); show(); };
  const back = el("button", { type: "button", onclick: turn(-PAGE) }, "Back");
  const next = el("button", { type: "button", onclick: turn(PAGE) }, "Next");
  const again = el("button", { type: "button", onclick: () => { fresh = true; show(); } }, "Read again");
  main.append(el("h1", { tabindex: "-1" }, "Cache"),
    el("div.filters", {}, search("text", "Filter by question, path, key"), search("test", "Used by a test"), host, model, drift, order, unused), count, hint, list.view,
    el("p.buttons", {}, back, next, again));
  await show();
}

function choose(list, names, all, shown = (name) => name) {
  const value = list.value;
  list.replaceChildren(el("option", { value: "" }, all), ...names.map(([name, count]) => {
    // The value is compared by the proxy, so it stays as it is; the text is cleaned.
    const option = el("option", {}, `${shown(name)} (${count})`);
    option.value = name;
    return option;
  }));
  list.value = value;
}

function row(item) {
  return link("entry", item.key, [el(`span.kind.${item.status < 400 ? "is-hit" : "is-refused"}`, {}, item.status), el("span.time", { title: `recorded ${time(item.recorded_at)}` }, `${age(item.recorded_at)} ago`),
    el("span.what", { dir: "auto" }, item.question || `${item.method} ${item.host}${item.path}`), el("span.test", {}, item.drift && [el(`span.drift.drift-${item.drift}`, {}, DRIFTS[item.drift] ?? item.drift), " · "], [item.model, item.host].filter(Boolean).join(" · ")),
    el("span.detail", {}, `${bytes(item.size)} · ${item.used ? `used ${item.used}×` : item.live ? "not used" : "used by no test"}`)]);
}
