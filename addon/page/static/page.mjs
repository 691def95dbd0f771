// Shows the view that the address names: #/run, #/cache, #/entry/KEY or #/miss/KEY.

import { cache } from "./cache.mjs";
import { takeToken } from "./data.mjs";
import { clean, el } from "./dom.mjs";
import { entry } from "./entry.mjs";
import { miss } from "./miss.mjs";
import { run } from "./run.mjs";

const TITLES = { run: "Run", cache: "Cache", entry: "Entry", miss: "Miss" };
const main = document.getElementById("main");
const status = document.getElementById("state");
let leaving = new AbortController();

function state(text) {
  status.textContent = clean(text);
  status.className = text === "live" ? "is-live" : "";
}

async function show() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [, view = "run", raw = ""] = /^#\/(\w+)(?:\/(.*))?$/.exec(location.hash) ?? [];
  const content = el("div");
  document.title = `${TITLES[view] ?? "Run"} · provider-proxy`;
  for (const item of document.querySelectorAll("nav a")) {
    if (item.dataset.view === view) item.setAttribute("aria-current", "page");
    else item.removeAttribute("aria-current");
  }
  main.replaceChildren(content);
  const isFirst = !show.wasShown;
  show.wasShown = true;
  state("");
  try {
    const key = decodeURIComponent(raw);
    if (view === "entry") await entry(content, key, signal);
    else if (view === "miss") await miss(content, key, signal);
    else if (view === "cache") await cache(content, signal);
    else await run(content, signal, (text) => { if (!signal.aborted) state(text); });
  } catch (error) {
    if (signal.aborted) return;
    content.replaceChildren(el("h1", { tabindex: "-1" }, "This cannot be shown"), el("p.notice", {}, error.message), el("p", {}, el("a", { href: "#/run" }, "To the run")));
  }
  document.documentElement.dataset.shown = view;
  if (!isFirst && !signal.aborted) {
    content.querySelector("h1")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
}

takeToken();
addEventListener("hashchange", () => {
  if (location.hash === "#main") main.focus();
  else if (location.hash.startsWith("#t=")) { takeToken(); show(); }
  else show();
});
show();
