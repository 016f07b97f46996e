// The node's API: requests with the reader's token, and the stream of events.
//
// The stream is read with fetch(), since EventSource cannot send a token. The token lives as long as
// the tab.

const KEY = "pharos.token";
const REQUEST_MS = 15_000;
// The node sends a comment every 15 s; without one for this long the stream is dead.
const SILENCE_MS = 40_000;
const BACKOFF_MS = [500, 15_000];
// Of one event; more without an end is not a stream of events.
const PENDING_MAX = 1 << 20;

export class Fault extends Error {
  constructor(status, code, message, body = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.body = body;
  }
}

// "write", "read" or "none", as /v1/whoami said last.
export let access = "none";
const watchers = new Set();

export function onAccess(watcher) {
  watchers.add(watcher);
}

export const hasToken = () => sessionStorage.getItem(KEY) !== null;

export function setToken(token) {
  if (token) sessionStorage.setItem(KEY, token);
  else sessionStorage.removeItem(KEY);
}

function headers(more) {
  const token = sessionStorage.getItem(KEY);
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

// Asks who we are; whether a token is needed that we do not have.
export async function whoami() {
  const told = await get("v1/whoami");
  access = told.access;
  for (const watcher of watchers) watcher(access);
  return told;
}

async function ask(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: headers(body === undefined ? {} : { "Content-Type": "application/json" }),
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout(REQUEST_MS),
    });
  } catch (error) {
    const late = error.name === "TimeoutError";
    throw new Fault(0, "no-contact", late ? `no reply within ${REQUEST_MS / 1000} s` : "the node cannot be reached");
  }
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  throw new Fault(response.status, told.code ?? "unknown", told.message ?? `the node said ${response.status}`, told);
}

export async function get(path) {
  return (await ask("GET", path)).json();
}

export async function getText(path) {
  return (await ask("GET", path)).text();
}

export async function send(method, path, body) {
  return (await ask(method, path, body)).json();
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Follows the events for ever. `last` gives the id to go on after, `onEvent` takes each event,
// `onState` hears "live", or "off" and why.
export async function follow({ last, onEvent, onState }) {
  let wait = BACKOFF_MS[0];
  for (;;) {
    let why = "the stream of events ended";
    try {
      await read(last(), onEvent, () => {
        wait = BACKOFF_MS[0];
        onState("live");
      });
    } catch (error) {
      why = error instanceof Fault ? error.message : "the stream of events broke";
    }
    onState("off", why);
    await pause(wait * (0.5 + Math.random() / 2));
    wait = Math.min(wait * 2, BACKOFF_MS[1]);
  }
}

async function read(after, onEvent, onLive) {
  const end = new AbortController();
  let silence = setTimeout(() => end.abort(), SILENCE_MS);
  try {
    const response = await fetch("v1/events", {
      // 0 is before all: what happened between the list and the stream is not missed.
      headers: headers({ Accept: "text/event-stream", "Last-Event-ID": String(after) }),
      cache: "no-store",
      credentials: "omit",
      signal: end.signal,
    });
    if (!response.ok) {
      const told = await response.json().catch(() => ({}));
      throw new Fault(response.status, told.code, told.message ?? `the node said ${response.status}`);
    }
    onLive();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parse = parser(onEvent);
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(() => end.abort(), SILENCE_MS);
      parse(value);
    }
  } finally {
    clearTimeout(silence);
    end.abort();
  }
}

// Lines of `text/event-stream`; only `data` matters here, the id stands in the event too.
function parser(onEvent) {
  let rest = "";
  let data = [];
  return (text) => {
    rest += text;
    if (rest.length > PENDING_MAX) throw new Fault(0, "stream-broken", "the stream of events makes no sense");
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (data.length) onEvent(JSON.parse(data.join("\n")));
        data = [];
      } else if (line.startsWith("data:")) {
        data.push(line.slice(5).replace(/^ /, ""));
      }
    }
  };
}
