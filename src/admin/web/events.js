// What happened, newest first: history, then live.

import { follow, get } from "./api.js";
import { byId, h, icon, keyed, say, set } from "./dom.js";
import { moment, setMoment } from "./words.js";

// Kept in the page, and shown of them.
const KEPT_MAX = 1000;
const SHOWN_MAX = 200;
const HISTORY = 200;
const TOGETHER_MS = 50;

const known = new Map();
let newest = 0;

const MARKS = { critical: "down", warning: "warn", info: "info" };

const poolOf = (event) => (event.zone && event.pool ? `${event.zone}/${event.pool}` : null);

let drawing = 0;

function take(events) {
  for (const event of events) {
    known.set(event.id, event);
    newest = Math.max(newest, event.id);
  }
  // Many that come together are drawn once.
  if (!drawing) drawing = setTimeout(draw, TOGETHER_MS);
}

const filter = () => ({ severity: byId("by-severity").value, pool: byId("by-pool").value });

function draw() {
  clearTimeout(drawing);
  drawing = 0;
  const ids = [...known.keys()].sort((a, b) => a - b);
  for (const id of ids.slice(0, -KEPT_MAX)) known.delete(id);
  const { severity, pool } = filter();
  const shown = [...known.values()]
    .filter((event) => (!severity || event.severity === severity) && (!pool || poolOf(event) === pool))
    .sort((a, b) => b.id - a.id)
    .slice(0, SHOWN_MAX);
  set(byId("no-events"), { hidden: shown.length > 0, text: severity || pool ? "None that fits." : "None yet." });
  keyed(byId("event-list"), shown, (event) => event.id, make, () => {});
}

function make(event) {
  const when = moment("clock");
  setMoment(when, event.time);
  const mark = event.state === "resolved" ? "up" : MARKS[event.severity] ?? "info";
  const kind = event.state === "resolved" ? "resolved" : event.severity;
  return {
    node: h(
      "li",
      { data: { kind: event.kind, severity: event.severity, state: event.state } },
      h("p", { class: "head" }, icon(mark), h("b", { class: `word is-${mark}`, text: kind }), h("span", { class: "muted", text: event.kind }), when),
      h("p", { text: event.text }),
    ),
  };
}

// The pools to choose from.
export function choices(pools) {
  const select = byId("by-pool");
  const wanted = ["", ...pools.map((pool) => pool.id)];
  if (wanted.length === select.options.length && wanted.every((id, i) => select.options[i].value === id)) return;
  const chosen = select.value;
  select.replaceChildren(...wanted.map((id) => h("option", { value: id, text: id || "all pools" })));
  select.value = wanted.includes(chosen) ? chosen : "";
}

async function history() {
  const { severity, pool } = filter();
  const query = new URLSearchParams({ limit: String(HISTORY) });
  if (severity) query.set("severity", severity);
  if (pool) query.set("pool", pool);
  take((await get(`v1/events?${query}`)).events);
}

// What came after the newest known: where there is no stream.
export async function catchUp(last) {
  if (!last || last <= newest) return;
  take((await get(`v1/events?limit=1000&after=${newest}`)).events);
}

// Begins: history, then the stream. `onNews` hears that something happened.
export async function events({ onNews, onState }) {
  for (const id of ["by-severity", "by-pool"]) {
    byId(id).addEventListener("change", () => {
      draw();
      history().catch((error) => set(byId("no-events"), { hidden: false, text: error.message }));
    });
  }
  await history();
  let spoken = 0;
  const onEvent = (event) => {
    take([event]);
    onNews(event);
    // Not more than a voice can say: of many at once, the last and the worst.
    if (event.severity === "critical" || Date.now() - spoken > 3000) {
      spoken = Date.now();
      say(event.text);
    }
  };
  return follow({ last: () => newest, onEvent, onState });
}
