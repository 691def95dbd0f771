// Asks the proxy for data. The token of the run comes with the page's URL and leaves it at once.

const STORED = "provider-proxy-token";
const HEADER = "x-provider-proxy-page";

export function takeToken() {
  const given = /^#t=([\w-]{1,100})$/.exec(location.hash);
  if (given) {
    sessionStorage.setItem(STORED, given[1]);
    history.replaceState(null, "", `${location.pathname}#/run`);
  }
}

export class Refused extends Error {}

async function ask(path, signal) {
  const headers = { [HEADER]: sessionStorage.getItem(STORED) ?? "" };
  const response = await fetch(`/-/page/${path}`, { headers, signal, cache: "no-store" });
  if (!response.ok) {
    let message = `the proxy answered ${response.status}`;
    try { message = (await response.json()).error ?? message; } catch { /* no JSON */ }
    throw new Refused(typeof message === "string" ? message : `the proxy answered ${response.status}`);
  }
  return response;
}

export async function json(path, signal) {
  return (await ask(path, signal)).json();
}

export async function blob(path, type) {
  const data = await (await ask(path)).arrayBuffer();
  return new Blob([data], { type });
}

export async function arrayBuffer(path) {
  return (await ask(path)).arrayBuffer();
}

// Saves bytes as a file.
export async function save(path, name) {
  const address = URL.createObjectURL(await blob(path, "application/octet-stream"));
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

// Calls `take` with the rows of each server-sent event, until `signal` is aborted. Each answer ends with its event,
// so that a reader that is slow or gone holds nothing in the proxy.
export async function follow(after, take, state, signal) {
  let failures = 0;
  while (!signal.aborted) {
    try {
      const text = await (await ask(`events?after=${after}`, signal)).text();
      failures = 0;
      state(true);
      const id = /^id: (\d+)$/m.exec(text);
      const data = /^data: (.*)$/m.exec(text);
      if (id && data) {
        after = Number(id[1]);
        const rows = JSON.parse(data[1]);
        if (rows.length) take(rows);
      }
      await pause(150);
    } catch (error) {
      if (signal.aborted) return;
      state(false, error instanceof Refused ? error.message : "");
      if (error instanceof Refused && failures > 2) return;
      failures += 1;
      await pause(Math.min(10_000, 500 * 2 ** failures));
    }
  }
}

function pause(milliseconds) {
  return new Promise((resolve) => { setTimeout(resolve, milliseconds); });
}
