// Builds elements. Text only ever becomes text: nothing here, or anywhere in the page, parses HTML.

// Characters that change how others are shown, or that are not shown at all, become visible escapes.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;

export function clean(value) {
  return String(value ?? "").replace(/\r\n/g, "\n").replace(UNSEEN, (char) => `\\u${char.codePointAt(0).toString(16).padStart(4, "0")}`);
}

// What the verdicts of `provider-proxy drift` say.
export const DRIFTS = { same: "drift: same", benign: "drift: other words", changed: "drift: changed", none: "drift: not compared" };

// `kind` is a tag, with classes behind dots. `given` are attributes; `on…` are listeners.
export function el(kind, given = {}, ...children) {
  const [tag, ...classes] = kind.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [name, value] of Object.entries(given)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, clean(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === "" || child === false) continue;
    made.append(child instanceof Node ? child : document.createTextNode(clean(child)));
  }
  return made;
}

export function section(title, ...children) {
  const heading = el("h2", {}, title);
  return el("section", { "aria-label": title }, heading, ...children);
}

// A line of code with a button that copies it; `purpose` says what it does.
export function copyable(text, purpose = "") {
  const button = el("button.copy", { type: "button", "aria-label": `Copy ${text.slice(0, 80)}` }, "Copy");
  const code = el("code", { tabindex: "0" }, text);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return el("div.command", {}, purpose && el("p.quiet", {}, purpose), code, button);
}

export function bytes(value) {
  for (const unit of ["B", "kB", "MB"]) {
    if (value < 1000) return unit === "B" ? `${value} B` : `${value.toFixed(1)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} GB`;
}

export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

export function time(seconds) {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? "" : date.toISOString().replace("T", " ").slice(0, 19) + "Z";
}

export function clock(seconds) {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? "" : date.toTimeString().slice(0, 8);
}

export function age(seconds) {
  const passed = Date.now() / 1000 - seconds;
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["m", 60]]) {
    if (passed >= length) return `${Math.round(passed / length)}${unit}`;
  }
  return `${Math.max(0, Math.round(passed))}s`;
}

export function link(view, key, text, more = {}) {
  return el("a", { href: `#/${view}/${encodeURIComponent(key)}`, ...more }, text);
}

export function short(key) {
  return key.length > 16 ? `${key.slice(0, 16)}…` : key;
}
