// The view of one entry: its conversation, its stream, its headers and where it comes from.

import { turns } from "./conversation.mjs";
import { json, save } from "./data.mjs";
import { age, bytes, copyable, DRIFTS, el, plural, section, time } from "./dom.mjs";
import { Rows } from "./rows.mjs";

export async function entry(main, key, signal) {
  const shown = await json(`entry/${encodeURIComponent(key)}`, signal);
  main.append(
    el("h1", { tabindex: "-1" }, `${shown.session ? "WebSocket" : shown.method} ${shown.host}${shown.path}`),
    el("p.badges", {}, el(`span.kind.${shown.status < 400 ? "is-hit" : "is-refused"}`, {}, `${shown.status} ${shown.reason}`),
      shown.model && el("span.tag", {}, shown.model), shown.drift && el(`span.tag${shown.drift.verdict === "changed" ? ".warns" : ""}`, {}, DRIFTS[shown.drift.verdict]), shown.edited && el("span.tag.warns", {}, "edited by hand"),
      shown.ambiguous && el("span.tag.warns", {}, "two tests of its run got different answers here; this is the last one")),
    el("div.columns", {}, el("div.wide", {}, conversation(shown), stream(shown)), el("aside", { "aria-label": "About this entry" }, drift(shown), facts(shown), tests(shown), headers(shown))),
  );
}

function conversation(shown) {
  if (shown.session) {
    return section("WebSocket session", el("p.quiet", {}, "What the client and the provider said, in order. Pieces of a streamed text are joined."),
      el("div", { role: "group", "aria-label": "Session" }, turns(shown.said, shown.key)),
      el("p.buttons", {}, saving("Save the session's frames", `raw/${shown.key}`, `${shown.key.slice(0, 20)}.json`)));
  }
  const asked = shown.saved ? turns(shown.asked, shown.key) : [el("p.notice", {}, "The request was not saved (PROVIDER_PROXY_SAVE_REQUEST=false).")];
  return section("Conversation", el("div", { role: "group", "aria-label": "Request" }, asked),
    el("p.divider", {}, "answer"), el("div", { role: "group", "aria-label": "Answer" }, turns(shown.said, shown.key)),
    el("p.buttons", {}, saving("Save the answer's bytes", `raw/${shown.key}`, `${shown.key.slice(0, 20)}.body`),
      shown.saved && saving("Save the request", `request/${shown.key}`, `${shown.key.slice(0, 20)}.request.json`)));
}

function saving(title, path, name) {
  return el("button", { type: "button", onclick: async (event) => {
    const button = event.currentTarget;
    try { await save(path, name); } catch (error) { button.textContent = error.message; }
  } }, title);
}

// The events of a stream on an axis: by time where the recording has times, otherwise in their order.
function stream(shown) {
  if (!shown.stream) return null;
  const { events, count, chunks, pieces } = shown.stream;
  const timed = events.every((event) => typeof event.at === "number");
  const length = timed ? Math.max(...events.map((event) => event.at), ...chunks.map(([at]) => at), 0.001) : Math.max(1, events.length - 1);
  const largest = Math.max(...events.map((event) => event.size), 1);
  const axis = el("div.axis", { role: "img", "aria-label": `${plural(count, "event")} on an axis` });
  for (const [at, size] of timed ? chunks : []) {
    const mark = el("i.chunk", { title: `chunk of ${bytes(size)} at ${at.toFixed(3)} s` });
    mark.style.left = `${(100 * at) / length}%`;
    axis.append(mark);
  }
  for (const [at, event] of events.entries()) {
    const mark = el("i", { title: `${event.name || "event"}, ${bytes(event.size)}` });
    mark.style.left = `${(100 * (timed ? event.at : at)) / length}%`;
    mark.style.height = `${20 + (80 * event.size) / largest}%`;
    axis.append(mark);
  }
  const list = new Rows("Events of the stream", 28, (event) => el("span.line", { tabindex: "0" },
    el("span.time", {}, timed ? `${event.at.toFixed(3)} s` : `${event.number}`), el("span.kind", {}, event.name || "event"),
    el("span.detail", {}, bytes(event.size)), el("code.what", {}, event.text)), (event) => event.number);
  list.set(events.map((event, at) => ({ ...event, number: at + 1 })));
  list.view.classList.add("is-dense");
  const left = count - events.length;
  return section(`Stream: ${plural(count, "event")}`,
    el("p.quiet", {}, timed ? `When each event came, and how large it was. They came in ${plural(pieces, "chunk")}, which the grey lines show; the first after ${chunks[0][0].toFixed(2)} s.` : `The order of the events, and how large each was. This recording has no times; the whole answer took ${shown.elapsed.toFixed(2)} s.`),
    axis, el("p.ends", {}, el("span", {}, timed ? "0 s" : "first"), el("span", {}, timed ? `${length.toFixed(2)} s` : "last")),
    list.view, left > 0 && el("p.quiet", {}, `${plural(left, "more event")}; save the bytes to see all`));
}

// What `provider-proxy drift` found when it last asked the provider the same again.
function drift(shown) {
  if (!shown.drift) return null;
  const { verdict, at, reasons } = shown.drift;
  const said = { same: "The provider answers the same", benign: "The provider answers with other words in the same form", changed: "The provider answers differently" };
  return section("Drift", el("p", {}, `${said[verdict]}, compared ${age(at)} ago.`), reasons.length > 0 && el("ul", {}, reasons.map((reason) => el("li", {}, reason))));
}

function facts(shown) {
  const rows = [["key", el("code", {}, shown.key)], ["recorded", time(shown.recorded_at)], ["took", `${shown.elapsed.toFixed(2)} s`],
    ["size", bytes(shown.size)], ["type", shown.type], ["judged", shown.judged], ["run", el("code", {}, shown.run)],
    ["account", shown.account && el("code", {}, shown.account)], ["used in the run", shown.used === null ? "no" : plural(shown.used, "time")],
    ["tools offered", shown.tools.join(", ")], ...shown.parameters, ...Object.entries(shown.usage).map(([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : String(value)]),
    ...shown.query.map(([name, value]) => [`?${name}`, value]), ...shown.bindings.map(([rule, number, value]) => [`${rule} ${number}`, value])];
  return section("About", el("dl", {}, rows.filter(([, value]) => value).map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    shown.commands.map((command) => copyable(command, command.includes(" rm ") ? "Remove it; the next run in a mode that stores records it again:" : "Show it in a terminal:")));
}

function tests(shown) {
  if (!shown.tests.length) return null;
  return section("Used by", el("ul.plain", {}, shown.tests.map((test) => el("li", {}, el("code", {}, test)))),
    shown.more_tests > 0 && el("p.quiet", {}, `and ${plural(shown.more_tests, "more test")}`));
}

function headers(shown) {
  const list = (title, pairs) => pairs.length > 0 && el("details", {}, el("summary", {}, `${title}: ${pairs.length}`),
    el("dl", {}, pairs.map(([name, value]) => [el("dt", {}, name), el("dd", {}, el("code", {}, value || "–"))])));
  return section("Headers", list("Answer", shown.headers), list("Request (those in its key)", shown.request_headers));
}
