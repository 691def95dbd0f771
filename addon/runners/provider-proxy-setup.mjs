/* Tells provider-proxy which test runs. A set-up file for vitest (`setupFiles`), jest (`setupFilesAfterEnv`) and
 * node:test (`node --import FILE --test`), for Node 20.16 and newer. docs/tests.md describes the endpoint.
 *
 * Each process or thread that runs tests is a client of its own. Its name goes into the proxy URL, or into base URLs
 * where Node has no proxy support. Tests that overlap in one client are coarse: the proxy does not blame one of them.
 * Requests without a client's name belong to the run. Nothing that goes wrong here fails a test.
 *
 * This is an ES module and a script at once, because jest loads it as a script: it has no `import` and no `export`.
 */
"use strict";

(() => {
  const load = typeof require === "function" ? require : process.getBuiltinModule;
  const http = load("node:http");
  const https = load("node:https");
  const path = load("node:path");

  // Where Node itself lives: jest and some pools of vitest run tests in a realm of their own, with their own globals.
  const realm = http.request.constructor("return globalThis")();
  const STATE = Symbol.for("provider-proxy.tests");
  const TOLD = "_PROVIDER_PROXY_TESTS"; // a process above this one names its own test, which these requests belong to
  const SECONDS = Number(process.env._PROVIDER_PROXY_TESTS_SECONDS) || 0.2;
  const SECONDS_AT_FIRST = 2;
  const SECONDS_AT_END = Math.max(3, SECONDS);
  const PROXY_VARIABLES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];
  const BASE_URLS = {
    ANTHROPIC_BASE_URL: "https/api.anthropic.com",
    CO_API_URL: "https/api.cohere.com",
    GOOGLE_GEMINI_BASE_URL: "https/generativelanguage.googleapis.com",
    GROQ_BASE_URL: "https/api.groq.com",
    OPENAI_BASE_URL: "https/api.openai.com/v1",
    TOGETHER_BASE_URL: "https/api.together.xyz/v1",
  };

  // A file that runs again in the same process, or in another realm of it, is the same client.
  const client = isRunnerOfNodeTest() ? undefined : (realm[STATE] ??= start());
  if (client) {
    nameClient(process.env, client);
    register(client);
  }

  function start() {
    const proxy = process.env[TOLD] === undefined && proxyIn(process.env);
    if (!proxy) return undefined;
    const name = `js.${load("node:crypto").randomBytes(6).toString("hex")}`;
    const started = {
      ...proxy,
      name,
      url: `http://${proxy.userinfo ? `${name}+${proxy.userinfo}` : `${name}:x`}@${proxy.address}`,
      request: http.request, // a test may replace it
      agent: new http.Agent({ keepAlive: true, maxSockets: 1 }),
      open: [],
      last: Promise.resolve(),
      isOff: false,
    };
    nameClient(realm.process.env, started);
    started.isReached = replaceDispatchers();
    return started;
  }

  function proxyIn(environ) {
    for (const name of PROXY_VARIABLES) {
      const match = /^http:\/\/(?:(.*)@)?([^@/]+)\/?$/.exec(environ[name] ?? "");
      if (match && match[2] === environ._PROVIDER_PROXY_OUTER) return { userinfo: match[1] ?? "", address: match[2] };
    }
    return undefined;
  }

  // -- the client's name in requests

  function nameClient(environ, { name, url, address, isReached }) {
    for (const variable of PROXY_VARIABLES) {
      if (environ[variable]?.replace(/\/$/, "").split(/\/\/|@/).at(-1) === address) environ[variable] = url;
    }
    for (const [variable, value] of Object.entries(environ)) {
      const door = `http://${address}/http`;
      if (value?.startsWith(door)) environ[variable] = `http://${address}/@${name}/http${value.slice(door.length)}`;
    }
    if (isReached === false) {
      for (const [variable, target] of Object.entries(BASE_URLS)) {
        environ[variable] ??= `http://${address}/@${name}/${target}`;
      }
    }
    environ[TOLD] = name;
  }

  /* Have Node's own clients read the variables again. False if nothing here reads them. */
  function replaceDispatchers() {
    for (const module of [http, https]) {
      const { proxyEnv, ...options } = module.globalAgent.options;
      if (proxyEnv) module.globalAgent = new module.Agent({ ...options, path: undefined, proxyEnv: realm.process.env });
    }
    let dispatcher;
    for (const symbol of [2, 1].map((version) => Symbol.for(`undici.globalDispatcher.${version}`))) {
      const Present = realm[symbol]?.constructor;
      if (Present?.name === "EnvHttpProxyAgent") realm[symbol] = dispatcher = new Present();
      else if (dispatcher && Present?.name === "Dispatcher1Wrapper") realm[symbol] = new Present(dispatcher);
    }
    if (dispatcher) return true;
    try {
      const ofProject = load("node:module").createRequire(path.join(process.cwd(), "package.json"));
      const major = (version) => version.split(".")[0];
      // Another major version's dispatcher does not fit Node's fetch.
      if (major(ofProject("undici/package.json").version) !== major(process.versions.undici)) return false;
      const undici = ofProject("undici");
      undici.setGlobalDispatcher(new undici.EnvHttpProxyAgent());
      return true;
    } catch {
      return false; // the project has no undici, or one without this class
    }
  }

  // -- the control endpoint

  function call(method, value, seconds) {
    // A proxy that has just started may still be loading what it answers with.
    if (!client.hasAnswered) seconds = Math.max(seconds, SECONDS_AT_FIRST);
    const body = JSON.stringify(value);
    const [, host, port] = /^(.*):(\d+)$/.exec(client.address);
    const headers = { host: client.address, "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    if (client.userinfo) {
      const credentials = `Basic ${Buffer.from(decodeURIComponent(client.userinfo)).toString("base64")}`;
      Object.assign(headers, { authorization: credentials, "proxy-authorization": credentials });
    }
    const options = { host: host.replace(/^\[|\]$/g, ""), port, method, path: `/-/tests/${client.name}`, headers };
    return new Promise((resolve, reject) => {
      const request = client.request({ ...options, agent: client.agent }, (answer) => {
        const parts = [];
        answer.on("data", (part) => parts.push(part));
        answer.on("error", reject);
        answer.on("end", () => {
          client.hasAnswered = true;
          const isFine = answer.statusCode < 400 || (method === "DELETE" && answer.statusCode === 404);
          if (isFine) resolve();
          else reject(new Error(`status ${answer.statusCode}: ${Buffer.concat(parts)}`));
        });
      });
      request.setTimeout(seconds * 1000, () =>
        request.destroy(Object.assign(new Error("it does not answer"), { isTimeout: true })),
      );
      request.on("error", reject);
      request.end(body);
    });
  }

  /* Calls go out one after the other, in the order in which tests begin and end. */
  function inTurn(method, value, seconds = SECONDS) {
    client.last = client.last.then(async () => {
      if (client.isOff) return;
      try {
        // On a busy machine, single calls take long. All calls may be repeated.
        await call(method, value, seconds).catch((error) => {
          if (!error.isTimeout || seconds > SECONDS) throw error;
          return call(method, value, seconds);
        });
      } catch (error) {
        client.isOff = true;
        const reason = String(error.message).slice(0, 300).replace(/[^\x20-\x7e]/g, "?");
        process.emitWarning(`provider-proxy does not tell tests apart from here on: ${reason}`);
        for (const { test } of client.open) await call("DELETE", { test }, SECONDS).catch(() => {}); // it may have been late
      }
    });
    return client.last;
  }

  // -- tests

  function begin(file, name, coarse) {
    const scope = { test: `${file}::${name}`, file };
    if (coarse) scope.coarse = true;
    // A subtest of node:test interrupts its parent. Any other test that is still open overlaps with this one.
    if (client.open.every((other) => isInside(scope, other))) scope.switch = true;
    client.open.push(scope);
    return inTurn("PUT", scope);
  }

  function end(file, name) {
    const at = client.open.findLastIndex((scope) => scope.test === `${file}::${name}`);
    if (at < 0) return undefined;
    const [scope] = client.open.splice(at, 1);
    inTurn("DELETE", { test: scope.test }, SECONDS_AT_END);
    const around = client.open.at(-1);
    if (around && isInside(scope, around)) inTurn("PUT", { ...around, switch: true });
    return client.last;
  }

  function isInside(scope, other) {
    return scope.test.startsWith(`${other.test} > `);
  }

  function relative(file) {
    return path.relative(process.cwd(), file).split(path.sep).join("/");
  }

  // -- runners

  function register() {
    const vitest = globalThis.__vitest_index__; // what `import.meta.vitest` is
    if (vitest) registerVitest(vitest);
    else if (typeof globalThis.expect?.getState === "function") registerJest();
    else registerNodeTest(load("node:test"));
  }

  function registerVitest({ beforeEach, afterEach }) {
    const nameOf = (task) => {
      const names = [];
      for (let at = task; at && at !== task.file; at = at.suite) names.unshift(at.name);
      return names.join(" > ");
    };
    // Vitest wants braces here.
    beforeEach(({ task }) => begin(relative(task.file.filepath), nameOf(task)));
    afterEach(({ task }) => end(relative(task.file.filepath), nameOf(task)));
  }

  function registerJest() {
    // jest starts all tests of `test.concurrent` before the first `beforeEach`.
    let coarse = false;
    for (const test of new Set([globalThis.test, globalThis.it])) {
      const { concurrent } = test;
      Object.defineProperty(test, "concurrent", { configurable: true, get: () => ((coarse = true), concurrent) });
    }
    const current = () => {
      const { testPath, currentTestName } = globalThis.expect.getState();
      return [relative(testPath), currentTestName];
    };
    globalThis.beforeEach(() => begin(...current(), coarse));
    globalThis.afterEach(() => end(...current()));
  }

  function isRunnerOfNodeTest() {
    const flags = process.execArgv;
    return flags.includes("--test") && !flags.some((flag) => /^--(experimental-)?test-isolation=none$/.test(flag));
  }

  function registerNodeTest({ beforeEach }) {
    beforeEach((test) => {
      const current = [relative(test.filePath ?? process.argv[1]), test.fullName ?? test.name];
      test.after(() => end(...current)); // runs after every `afterEach`
      return begin(...current);
    });
  }
})();
