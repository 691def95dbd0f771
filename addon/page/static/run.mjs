// The view of a run: its figures, what missed and why, its tests, its requests as they come.

import { follow, json } from "./data.mjs";
import { clock, el, link, plural, section, short } from "./dom.mjs";
import { Rows } from "./rows.mjs";

const KINDS = {
  hit: "answered from the cache", stored: "asked the provider, and stored", live: "asked the provider, not stored",
  miss: "no entry, and nothing was sent", refused: "refused", own: "answered by the proxy itself", fault: "a fault, injected by a rule or of the proxy itself",
};
const MOST_ROWS = 5000;
const TESTS = 300;

export async function run(main, signal, state) {
  const first = await json("run", signal);
  const figures = el("div");
  const requests = new Requests();
  main.append(el("h1.hidden", { tabindex: "-1" }, "Run"), figures);
  if (first.live || first.rows.length) main.append(requests.section);
  const show = (data) => { requests.name(data.run?.misses ?? []); draw(figures, data); };
  show(first);
  requests.take(first.rows);
  if (!first.live) {
    state("the last run");
    return;
  }
  state("live");
  let due = 0;
  follow(first.last, (rows) => {
    requests.take(rows);
    // The figures follow the requests, at most once a second.
    due ||= setTimeout(async () => {
      due = 0;
      if (signal.aborted) return;
      try { show(await json("run", signal)); } catch { /* the next event tries again */ }
    }, 1000);
  }, (isThere, why) => state(isThere ? "live" : why || "the proxy does not answer; it may have ended"), signal);
}

function draw(place, { run: shown }) {
  const content = JSON.stringify(shown);
  if (place.drawn === content) return;
  place.drawn = content;
  if (!shown) {
    place.replaceChildren(el("p.notice", {}, "There is no report of a last run here. ", el("code", {}, "provider-proxy run -- pytest"), " writes one."));
    return;
  }
  const focus = place.contains(document.activeElement) ? document.activeElement.id : "";
  place.replaceChildren(tiles(shown), ...[gates(shown), misses(shown), tests(shown), more(shown)].filter(Boolean));
  if (focus) document.getElementById(focus)?.focus();
}

function tiles(shown) {
  const { figures } = shown;
  const tile = (value, name, detail, kind = "") => el(`div.tile${kind}`, {}, el("b", {}, value), el("span", {}, name), detail && el("small", {}, detail));
  return el("section.tiles", { "aria-label": "Figures of the run" },
    tile(shown.rate || "–", "hits", `${figures.hits.toLocaleString("en")} of ${plural(figures.hits + figures.misses, "look-up")}`, figures.misses ? ".is-miss" : ".is-hit"),
    tile(figures.requests.toLocaleString("en"), figures.requests === 1 ? "request" : "requests", `mode ${shown.mode}`),
    tile(shown.saved_money, "saved", `${shown.spent_money} spent`),
    tile(shown.saved_time, "not waited for", `${shown.live_time} live`),
    tile(figures.stored.toLocaleString("en"), "stored", `${shown.bytes} in all`));
}

function gates(shown) {
  return shown.gates.length ? el("section.failed", { "aria-label": "Gate failed" }, el("h2", {}, "Gate failed"), el("ul", {}, shown.gates.map((line) => el("li", {}, line)))) : null;
}

function misses(shown) {
  if (!shown.misses.length) return null;
  const left = shown.more_misses > 0 && el("p.quiet", {}, `and ${plural(shown.more_misses, "more miss", "more misses")}`);
  return section(`Misses: ${shown.misses.length}`, el("ul.cards", {}, shown.misses.map(miss)), left);
}

function miss(item) {
  const { difference } = item;
  const times = [item.times > 1 && `${item.times} tries`, item.follows > 0 && `${plural(item.follows, "later miss follows", "later misses follow")}`].filter(Boolean).join(", ");
  return el("li.card", {},
    el("p", {}, link("miss", item.key, item.place || short(item.key), { id: `miss-${item.key}` }), times && el("span.quiet", {}, ` · ${times}`)),
    item.question && el("p.quote", { dir: "auto" }, item.question),
    difference && el("div.change", {}, el("span.quiet", {}, `differs at `), el("code", {}, difference.place), el("span.quiet", {}, ` (${difference.kind})`),
      el("div.sides", {}, el("del", { "aria-label": "recorded" }, difference.old ?? "nothing"), el("ins", { "aria-label": "now" }, difference.new ?? "nothing"))),
    item.more > 0 && el("p.quiet", {}, `and at ${plural(item.more, "more place")}`),
    item.note && el("p", {}, item.note),
    item.remedy && el("p.remedy", {}, item.remedy),
    el("p", {}, link("miss", item.key, difference ? "Compare side by side" : "See more", { "aria-label": `${difference ? "Compare side by side" : "See more"}: ${item.question || item.place}` })));
}

function tests(shown) {
  if (!shown.tests.length) return null;
  const rows = shown.tests.slice(0, TESTS).map((test) => el("tr", {},
    el("td", {}, el(`span.kind.is-${test.verdict}`, {}, test.verdict)),
    el("td.name", {}, el("code", {}, test.name), test.why && el("small", {}, test.miss ? link("miss", test.miss, test.why) : test.why)),
    el("td.number", {}, test.hits), el("td.number", {}, test.misses), el("td.number", {}, test.stored), el("td.number", {}, test.live)));
  const left = shown.tests.length + shown.more_tests - rows.length;
  return section(`Tests: ${(shown.tests.length + shown.more_tests).toLocaleString("en")}`, el("div.scroll", { tabindex: "0", role: "region", "aria-label": "Table of tests" }, el("table", {},
    el("thead", {}, el("tr", {}, ["verdict", "test", "hits", "misses", "stored", "live"].map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, rows))), left > 0 && el("p.quiet", {}, `${plural(left, "more test")}; those that missed come first`));
}

function more(shown) {
  return shown.lines.length ? section("Other", el("ul.plain", {}, shown.lines.map((line) => el("li", {}, line)))) : null;
}

// The requests of the run, newest first. A later row of the same request replaces the earlier one.
class Requests {
  constructor() {
    this.byRequest = new Map();
    this.places = new Map();
    this.wanted = new Set();
    this.count = el("span.quiet", { role: "status" });
    this.filter = el("input", { type: "search", placeholder: "Filter by host, path, test, key", "aria-label": "Filter the requests", oninput: () => this.draw() });
    const chips = Object.entries(KINDS).map(([kind, meaning]) => el(`button.chip.is-${kind}`, { type: "button", title: meaning, "aria-pressed": "false",
      onclick: (event) => {
        const isOn = !this.wanted.delete(kind) && Boolean(this.wanted.add(kind));
        event.currentTarget.setAttribute("aria-pressed", String(isOn));
        this.draw();
      } }, kind));
    this.list = new Rows("Requests, newest first", 44, (item) => row(item, this.places.get(item.key)), (item) => item.number);
    this.section = section("Requests", el("div.filters", {}, this.filter, el("div.chips", { role: "group", "aria-label": "Kinds of requests" }, chips), this.count), this.list.view);
  }

  // A miss has no path of its own here; its explanation has.
  name(misses) {
    for (const item of misses) this.places.set(item.key, item.place);
  }

  take(rows) {
    for (const row of rows) {
      const [number, request, at, kind, method, host, path, key, test, detail, seconds] = row;
      const before = this.byRequest.get(request);
      if (before) this.byRequest.delete(request);
      this.byRequest.set(request, { number: before?.number ?? number, at, kind, method, host, path, key, test, detail, seconds,
        text: `${kind}\n${method} ${host}${path}\n${key}\n${test}\n${detail}`.toLowerCase() });
    }
    while (this.byRequest.size > MOST_ROWS) this.byRequest.delete(this.byRequest.keys().next().value);
    if (!this.due) {
      this.due = true;
      requestAnimationFrame(() => { this.due = false; this.draw(); });
    }
  }

  draw() {
    const text = this.filter.value.trim().toLowerCase();
    const all = [...this.byRequest.values()].sort((a, b) => b.number - a.number);
    const found = all.filter((item) => (!this.wanted.size || this.wanted.has(item.kind)) && (!text || item.text.includes(text)));
    this.count.textContent = found.length === all.length ? plural(all.length, "request") : `${found.length.toLocaleString("en")} of ${plural(all.length, "request")}`;
    this.list.set(found);
  }
}

function row(item, place) {
  const said = [el(`span.kind.is-${item.kind}`, { title: KINDS[item.kind] ?? "" }, item.kind), el("span.time", {}, clock(item.at)),
    el("span.what", {}, (!item.path && place?.replace(/^\S+/, () => item.method)) || `${item.method} ${item.host}${item.path}`), el("span.test", {}, item.test), el("span.detail", {}, [item.detail, item.seconds && `${item.seconds.toFixed(1)} s`].filter(Boolean).join(" · "))];
  const view = { hit: "entry", stored: "entry", miss: "miss" }[item.kind];
  return item.key && view ? link(view, item.key, said) : el("span.line", { tabindex: "-1" }, said);
}
