// The view of a miss: where the request differs from the nearest recording, and what helps.

import { turns } from "./conversation.mjs";
import { json } from "./data.mjs";
import { copyable, el, link, plural, section, short, time } from "./dom.mjs";

export async function miss(main, key, signal) {
  const shown = await json(`miss/${encodeURIComponent(key)}`, signal);
  main.append(el("div", {},
    el("h1", { tabindex: "-1" }, `No recorded answer: ${shown.place}`),
    shown.question && el("p.quote", { dir: "auto" }, shown.question),
    el("p.badges", {}, shown.times > 1 && el("span.tag", {}, `${shown.times} tries`), shown.follows > 0 && el("span.tag", {}, `${plural(shown.follows, "later miss follows", "later misses follow")}`),
      shown.tests.map((test) => el("span.tag", {}, test))),
    why(shown), help(shown), sideBySide(shown),
  ));
}

function why(shown) {
  if (!shown.nearest) return section("Why", el("p", {}, shown.note || "Nothing similar was recorded."));
  const shared = shown.shared_messages;
  const same = shared ? `The first ${shared === 1 ? "message is" : `${shared} messages are`} the same. ` : "";
  const count = `${shown.differences.length}${shown.more ? " or more" : ""}`;
  return section("Why", el("p", {}, "The nearest recording is ", link("entry", shown.nearest, short(shown.nearest)), ` of ${time(shown.recorded_at)}. ${same}`,
    shown.differences.length ? `It differs in ${count} ${shown.differences.length === 1 ? "place" : "places"}:` : ""),
    shown.differences.map(difference), shown.note && el("p", {}, shown.note));
}

function difference(item) {
  const side = (title, kind, value) => el("div.side", {}, el("h3", {}, title), value === null
    ? el("p.quiet", {}, "nothing here")
    : el("pre.said", { dir: "auto" }, item.before, el(`mark.${kind}`, {}, value || "⟨nothing⟩"), item.after));
  return el("figure.difference", {}, el("figcaption", {}, el("code", {}, item.place), el("span.quiet", {}, ` · ${item.kind}`)),
    el("div.pair", {}, side("recorded", "is-old", item.old), side("this request", "is-new", item.new)));
}

function help(shown) {
  return section("What to do", shown.remedy ? el("p.remedy", {}, shown.remedy) : el("p.quiet", {}, shown.commands.length > 1 ? "As the reason above says:" : "This tells more:"),
    el("div.commands", {}, shown.commands.map((command) => copyable(command, purpose(command)))));
}

// What a line is good for; a stranger knows neither the settings nor the commands.
function purpose(line) {
  if (line.startsWith("PROVIDER_PROXY_")) return "Set this in the environment of the run, and run the tests again:";
  if (line.includes(" explain ")) return "Explain this miss in a terminal:";
  if (line.includes(" show ")) return "Show the nearest recording in a terminal:";
  return "";
}

function sideBySide(shown) {
  if (!shown.now.length || !shown.recorded.length) return null;
  const differs = (at) => (JSON.stringify(shown.now[at]) === JSON.stringify(shown.recorded[at]) ? "" : ".differs");
  return section("Both requests", el("div.pair", {},
    el("div.side", { role: "group", "aria-label": "The recorded request" }, el("h3", {}, "recorded"), turns(shown.recorded, undefined, differs)),
    el("div.side", { role: "group", "aria-label": "This request" }, el("h3", {}, "this request"), turns(shown.now, undefined, differs))));
}
