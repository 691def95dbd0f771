// A list of any length that draws only the rows in sight. Arrow keys, Page Up, Page Down, Home and End move in it.

import { el } from "./dom.mjs";

const BEYOND = 6;

export class Rows {
  // `draw` makes the content of one item's row, `id` tells items apart; a row is `height` pixels high.
  constructor(label, height, draw, id) {
    this.draw = draw;
    this.id = id;
    this.height = height;
    this.items = [];
    this.inner = el("div.inner", { role: "list", "aria-label": label });
    this.view = el("div.rows", {}, this.inner);
    this.drawn = new Map();
    this.view.addEventListener("scroll", () => this.schedule(), { passive: true });
    this.view.addEventListener("keydown", (event) => this.move(event));
    new ResizeObserver(() => this.schedule()).observe(this.view);
  }

  // Shows other items. What is read stays where it is, and keeps the focus, if it is among them.
  set(items) {
    const top = this.view.scrollTop;
    const first = Math.floor(top / this.height);
    const focused = document.activeElement?.closest?.(".row");
    const held = focused && this.inner.contains(focused) ? this.items[focused.dataset.at] : undefined;
    const seen = held ?? (top > 0 ? this.items[first] : undefined);
    const before = seen && this.items.indexOf(seen);
    const after = seen ? items.findIndex((item) => this.id(item) === this.id(seen)) : -1;
    this.items = items;
    this.inner.style.height = `${items.length * this.height}px`;
    this.view.style.setProperty("--whole", `${items.length * this.height + 2}px`); // a short list leaves no gap
    for (const row of this.drawn.values()) row.remove();
    this.drawn.clear();
    if (after >= 0 && top > 0) this.view.scrollTop = top + (after - before) * this.height;
    this.show();
    if (held && after >= 0) this.drawn.get(after)?.querySelector("a, [tabindex]")?.focus({ preventScroll: true });
  }

  schedule() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => { this.due = false; this.show(); });
  }

  show() {
    const top = this.view.scrollTop;
    const first = Math.max(0, Math.floor(top / this.height) - BEYOND);
    const last = Math.min(this.items.length, Math.ceil((top + (this.view.clientHeight || 600)) / this.height) + BEYOND);
    for (const [at, row] of this.drawn) {
      if ((at < first || at >= last) && !row.contains(document.activeElement)) { row.remove(); this.drawn.delete(at); }
    }
    for (let at = first; at < last; at += 1) if (!this.drawn.has(at)) this.add(at);
  }

  add(at) {
    const row = el("div.row", { role: "listitem", "aria-setsize": this.items.length, "aria-posinset": at + 1 }, this.draw(this.items[at]));
    row.style.top = `${at * this.height}px`;
    row.style.height = `${this.height}px`;
    row.dataset.at = at;
    this.inner.append(row);
    this.drawn.set(at, row);
  }

  move(event) {
    const page = Math.max(1, Math.floor(this.view.clientHeight / this.height) - 1);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    const here = document.activeElement?.closest?.(".row");
    if (step === undefined || !here || !this.inner.contains(here)) return;
    event.preventDefault();
    const to = Math.min(this.items.length - 1, Math.max(0, Number(here.dataset.at) + step));
    const top = to * this.height;
    if (top < this.view.scrollTop) this.view.scrollTop = top;
    else if (top + this.height > this.view.scrollTop + this.view.clientHeight) this.view.scrollTop = top + this.height - this.view.clientHeight;
    this.show();
    this.drawn.get(to)?.querySelector("a, [tabindex]")?.focus({ preventScroll: true });
  }
}
