// Pools with what they answer and why, and their endpoints. Broken ones first; a row is made when it is
// looked at and changed only where its data did.

import { get } from "./api.js";
import { actor } from "./ask.js";
import { byId, h, icon, keyed, set, turn } from "./dom.js";
import { row as endpointRow, update as endpointUpdate } from "./endpoints.js";
import { POOL_WORDS, stateOf } from "./model.js";
import { failback, override } from "./orders.js";
import { many, mode, moment, setMoment } from "./words.js";

// With more pools than this, those that are well are folded.
const OPEN_MAX = 20;
// A pool shows so many endpoints that are well; the others on demand.
const WELL_MAX = 20;

// What the reader folded or unfolded, by pool.
const folded = new Map();
const complete = new Set();
let order = [];

// While somebody points into the list or types in it, nothing moves away under their hand.
const STILL_MS = 5000;
let touched = -STILL_MS;
for (const kind of ["pointermove", "pointerdown", "keydown"]) {
  byId("pool-list").addEventListener(kind, () => (touched = performance.now()), { passive: true });
}

function sorted(pools) {
  const place = new Map(order.map((id, i) => [id, i]));
  const by = performance.now() - touched < STILL_MS
    ? (a, b) => (place.get(a.id) ?? Infinity) - (place.get(b.id) ?? Infinity)
    : (a, b) => Math.min(a.rank, 3) - Math.min(b.rank, 3);
  const now = [...pools].sort((a, b) => by(a, b) || 0);
  order = now.map((pool) => pool.id);
  return now;
}

function matches(pool, words, broken) {
  if (broken && pool.state === "well") return false;
  return words.every((word) => pool.words.includes(word) || pool.endpoints.some((one) => one.words.includes(word)));
}

export function pools(view, look) {
  const list = byId("pool-list");
  const words = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  const broken = byId("broken").checked;
  const shown = sorted(view.pools).filter((pool) => matches(pool, words, broken));
  const narrowed = words.length > 0 || broken;
  const text = narrowed ? `${shown.length} of ${many(view.pools.length, "pool")}` : "";
  set(byId("found"), { text: view.pools.length ? text : "No pools: this node has static zones only." });
  keyed(
    list,
    shown,
    (pool) => pool.id,
    (pool) => make(pool, look),
    (row, pool) => update(row, pool, { open: shown.length <= OPEN_MAX || pool.state === "lost" || pool.state === "partly", words, broken }),
  );
}

function make(pool, look) {
  const row = { pool, mark: icon("unknown"), word: h("span", { class: "word" }), brief: h("span", { class: "brief" }) };
  row.families = pool.families.map(({ family }) => answer(family));
  row.names = h("p", { class: "muted" });
  row.endpoints = h("ul", { class: "endpoints" });
  row.more = h("button", { type: "button", class: "plain more", hidden: true, onclick: () => (complete.add(row.pool.id), fill(row)) });
  row.back = actor("Fail back…", `let pool ${pool.id} return`, () => failback(row.pool.id, held(row.pool)));
  row.why = h("div", { class: "why", hidden: true });
  row.ask = h("button", { type: "button", text: "Why", "aria-expanded": "false", "aria-label": `why ${pool.id} is answered so`, onclick: () => explain(row) });
  row.node = h(
    "details",
    { class: "pool", data: { pool: pool.id } },
    h("summary", {}, row.mark, h("span", { class: "id", text: pool.id }), row.word, row.brief),
    row.names,
    h("dl", { class: "answers" }, ...row.families.map(({ node }) => node)),
    h("div", { class: "acts" }, row.ask, actor("Override pool…", `override pool ${pool.id}`, () => override(look, { pool: pool.id })), row.back),
    row.why,
    row.endpoints,
    row.more,
  );
  row.look = look;
  row.node.addEventListener("toggle", () => {
    if (row.node.open !== row.given) folded.set(row.pool.id, row.node.open);
    row.given = row.node.open;
    fill(row);
  });
  return row;
}

function answer(family) {
  const made = { family, addresses: h("span", { class: "addresses" }), why: h("span"), since: moment("since"), ttl: h("span", { class: "ttl" }) };
  made.node = h("div", {}, h("dt", { text: family }), h("dd", {}, made.addresses, made.ttl, made.why, made.since));
  return made;
}

function update(row, pool, { open, words, broken }) {
  row.pool = pool;
  row.filter = { words, broken };
  const [mark, word] = POOL_WORDS[pool.state];
  set(row.node, { data: { state: pool.state } });
  turn(row.mark, mark);
  set(row.word, { text: word, class: `word is-${mark}` });
  const brief = pool.families.filter(({ mode }) => mode !== "absent").map((one) => `${one.family} ${one.addresses.join(" ") || "–"}`);
  set(row.brief, { text: brief.join(" · ") });
  const wanted = folded.get(pool.id) ?? open;
  if (row.node.open !== wanted) {
    row.given = wanted;
    row.node.open = wanted;
  }
  fill(row);
}

// What stands below the line of a pool; only where it can be seen.
function fill(row) {
  const { pool } = row;
  if (!row.node.open) return;
  const policy = pool.policy.length ? `, policy ${pool.policy.join(", ")}` : "";
  set(row.names, { text: `answers ${pool.raw.names.join(", ")}${policy}` });
  pool.families.forEach((one, i) => family(row.families[i], one, pool));
  set(row.back, { hidden: held(pool).length === 0 });
  if (!row.why.hidden && row.explained !== affairs(pool)) explainNow(row);

  const { words, broken } = row.filter;
  const own = words.filter((word) => !pool.words.includes(word));
  const all = pool.endpoints.filter((one) => (!broken || one.rank < 4) && own.every((word) => one.words.includes(word)));
  const found = [...all].sort((a, b) => a.rank - b.rank || 0);
  let well = 0;
  const shown = complete.has(pool.id) ? found : found.filter((one) => one.rank < 4 || ++well <= WELL_MAX);
  keyed(row.endpoints, shown, (one) => one.id, (one) => endpointRow(one, row.look), endpointUpdate);
  set(row.more, { hidden: shown.length === found.length, text: `show ${many(found.length - shown.length, "more endpoint")} that are well` });
}

function family(made, one, pool) {
  set(made.node, { data: { mode: one.mode } });
  set(made.addresses, { text: one.addresses.join(" ") || "–" });
  set(made.ttl, { text: one.ttl === null ? "" : `TTL ${one.ttl} s${one.suspect ? " (a change may be near)" : ""}` });
  set(made.why, { text: mode(one, pool) });
  setMoment(made.since, one.since ?? null);
}

const held = (pool) => pool.endpoints.filter((endpoint) => endpoint.hold).map((endpoint) => endpoint.name);

function explain(row) {
  const open = row.why.hidden;
  set(row.why, { hidden: !open });
  set(row.ask, { "aria-expanded": String(open) });
  if (open) explainNow(row);
}

// What the steps depend on: with another state of affairs they are asked for again.
function affairs({ families, endpoints }) {
  const seats = endpoints.flatMap(({ order, raw }) => [order?.force, ...raw.addresses.map((one) => [stateOf(one), one.hold?.state])]);
  return JSON.stringify([families.map(({ mode, addresses }) => [mode, addresses]), seats]);
}

async function explainNow(row) {
  const { zone, name } = row.pool;
  row.explained = affairs(row.pool);
  try {
    const { steps } = await get(`v1/pools/${encodeURIComponent(zone)}/${encodeURIComponent(name)}`);
    const lists = Object.entries(steps).filter(([, list]) => list.length).map(([family, list]) => trace(family, list));
    row.why.replaceChildren(...lists);
  } catch (error) {
    row.why.replaceChildren(h("p", { class: "fault", text: error.message }));
  }
}

function trace(family, steps) {
  const lines = steps.map(({ text, kept, dropped }) => {
    const who = kept.map(({ endpoint, address, share }) => `${endpoint} ${address}${share && share < 1 ? ` (${Math.round(share * 100)} %)` : ""}`);
    const left = dropped.map((one) => h("li", {}, h("del", { text: `${one.endpoint} ${one.address}` }), `: ${one.text}`));
    return h("li", {}, h("p", { text }), left.length ? h("ul", {}, ...left) : null, h("p", { class: "muted", text: `still in: ${who.join(", ") || "nobody"}` }));
  });
  return h("section", {}, h("h3", { text: `${family}, step by step` }), h("ol", {}, ...lines));
}
