// Draws turns of a conversation, and the pictures and sounds in them.

import { arrayBuffer, blob } from "./data.mjs";
import { bytes, el } from "./dom.mjs";

// What a browser shows without running anything in it. (SVG is a document with scripts.)
const PICTURES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"]);
const SOUNDS = new Set(["audio/mpeg", "audio/mp3", "audio/wav", "audio/x-wav", "audio/ogg", "audio/opus", "audio/webm", "audio/flac", "audio/aac", "audio/mp4"]);
const SAMPLES = 24_000; // of OpenAI's pcm16, mono

export function turns(list, key, marks = () => "") {
  return list.map((turn, at) => el(`article.turn.${roleClass(turn.role)}${marks(at)}`, { "aria-label": `${turn.role || "note"}, turn ${at + 1}` },
    turn.role && el("h3.role", {}, turn.role), turn.parts.map((part) => drawn(part, key)),
    !turn.parts.length && el("p.quiet", {}, "(nothing)")));
}

function roleClass(role) {
  return ["system", "developer", "user", "assistant", "model", "tool", "error", "client", "provider"].includes(role) ? `is-${role}` : "is-other";
}

function drawn(part, key) {
  const draw = { text, thinking, call, result, image, audio, file, refusal, error, note, data }[part.kind] ?? data;
  return el("div.part", {}, draw(part, key));
}

function long(part, tag = "pre") {
  return [
    el(`${tag}.said`, { dir: "auto" }, part.text),
    part.cut && el("p.quiet", {}, `… ${part.cut.toLocaleString("en")} more characters; save the bytes to see all`),
  ];
}

const text = (part) => [part.name && el("p.quiet", {}, part.name), long(part)];
const note = (part) => el("p.quiet", {}, part.text);
const error = (part) => el("div.failed", {}, el("strong", {}, "Error"), long(part));
const refusal = (part) => el("div.failed", {}, el("strong", {}, "Refusal"), long(part));
const thinking = (part) => el("details.thinking", {}, el("summary", {}, part.text ? `Thinking, ${part.text.length.toLocaleString("en")} characters` : "Thinking, not readable"), part.text && long(part));
const call = (part) => el("div.call", {}, el("p", {}, el("span.tag", {}, "tool call"), " ", el("code", {}, part.name || "?")), part.text && long(part));
const result = (part) => el("div.call", {}, el("p", {}, el("span.tag", {}, "tool result"), " ", part.name && el("code", {}, part.name)), part.text && long(part));
const data = (part) => el("details", { open: part.text.length < 2000 }, el("summary", {}, part.name || "JSON"), long(part));

function file(part) {
  const said = [part.name, part.text, part.type, part.url].filter(Boolean).join(" · ");
  return el("p", {}, el("span.tag", {}, "file"), " ", said || "(a file)");
}

function image(part, key) {
  if (part.url) return el("p", {}, el("span.tag", {}, "picture"), " ", el("code", {}, part.url), " (not loaded: it lies elsewhere)");
  if (part.media === undefined || key === undefined || !PICTURES.has(part.type)) return el("p", {}, el("span.tag", {}, "picture"), ` ${part.type ?? ""} (not shown)`);
  const frame = el("figure", {}, el("p.quiet", {}, "Loading the picture…"));
  loaded(frame, async () => {
    const found = await blob(`media/${encodeURIComponent(key)}/${part.media}`, part.type);
    const picture = el("img", { alt: `A picture of the conversation, ${part.type}, ${bytes(found.size)}`, decoding: "async" });
    picture.src = URL.createObjectURL(found);
    await picture.decode();
    return [picture, el("figcaption", {}, `${part.type}, ${picture.naturalWidth} × ${picture.naturalHeight}, ${bytes(found.size)}`)];
  });
  return frame;
}

function audio(part, key) {
  const frame = el("figure", {}, el("p.quiet", {}, "Loading the sound…"));
  const isRaw = part.type === "audio/L16";
  const said = part.text && long(part);
  if (part.media === undefined || key === undefined || !(isRaw || SOUNDS.has(part.type))) return [el("p", {}, el("span.tag", {}, "sound"), ` ${part.type ?? ""} (not playable here)`), said];
  loaded(frame, async () => {
    const path = `media/${encodeURIComponent(key)}/${part.media}`;
    const found = isRaw ? wave(await arrayBuffer(path)) : await blob(path, part.type);
    const player = el("audio", { controls: true, "aria-label": "A sound of the conversation" });
    player.src = URL.createObjectURL(found);
    return [player, el("figcaption", {}, `${part.type}, ${bytes(found.size)}`)];
  });
  return [frame, said];
}

async function loaded(frame, make) {
  try {
    frame.replaceChildren(...await make());
  } catch {
    frame.replaceChildren(el("p.quiet", {}, "This cannot be shown: its bytes are damaged, or of another type than they say."));
  }
}

// Raw samples with the header that makes them a WAV file.
function wave(samples) {
  const head = new DataView(new ArrayBuffer(44));
  const put = (at, letters) => [...letters].forEach((letter, i) => head.setUint8(at + i, letter.charCodeAt(0)));
  put(0, "RIFF"); head.setUint32(4, 36 + samples.byteLength, true); put(8, "WAVEfmt ");
  head.setUint32(16, 16, true); head.setUint16(20, 1, true); head.setUint16(22, 1, true);
  head.setUint32(24, SAMPLES, true); head.setUint32(28, SAMPLES * 2, true);
  head.setUint16(32, 2, true); head.setUint16(34, 16, true);
  put(36, "data"); head.setUint32(40, samples.byteLength, true);
  return new Blob([head, samples], { type: "audio/wav" });
}
