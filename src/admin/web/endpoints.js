// One endpoint of a pool: its addresses with verdict, since when, last error and latency, and what is
// ordered for it.

import { actor } from "./ask.js";
import { h, icon, keyed, set, turn } from "./dom.js";
import { stateOf } from "./model.js";
import { clear, override } from "./orders.js";
import { badge } from "./regions.js";
import { Spark } from "./spark.js";
import { FORCES, STATES, clock, latency, moment, now, setMoment } from "./words.js";

export function row(endpoint, look) {
  const made = { id: endpoint.id, endpoint, text: "" };
  made.facts = h("p", { class: "muted" });
  made.badges = h("p", { class: "badges" });
  made.addresses = h("ul", { class: "addresses" });
  made.clear = actor("Clear…", `clear the override of endpoint ${endpoint.id}`, () => clear({ endpoint: endpoint.id }, made.endpoint.order));
  made.node = h(
    "li",
    { class: "endpoint", data: { endpoint: endpoint.id } },
    h("div", { class: "who" }, h("p", {}, h("b", { text: endpoint.name })), made.facts, made.badges),
    made.addresses,
    h("div", { class: "acts" }, made.clear, actor("Override…", `override endpoint ${endpoint.id}`, () => override(look, { endpoint: endpoint.id }))),
  );
  return made;
}

export function update(made, endpoint) {
  made.endpoint = endpoint;
  const text = JSON.stringify(endpoint.raw);
  if (text === made.text) return;
  made.text = text;
  const { raw, order } = endpoint;
  const region = endpoint.region && endpoint.region !== endpoint.name ? `region ${endpoint.region} · ` : "";
  set(made.node, { data: { state: endpoint.state } });
  set(made.facts, { text: `${region}priority ${raw.priority} · weight ${raw.weight}` });
  badge(made.badges, order ? [{ text: `${FORCES[order.force]}${own(endpoint) ? "" : ` with ${order.scope}`}: ${order.reason}`, kind: "order" }] : []);
  set(made.clear, { hidden: !own(endpoint) });
  keyed(made.addresses, raw.addresses, (one) => one.address, address, updateAddress);
}

// Whether the override in force is the endpoint's own, so that it can be cleared here.
const own = ({ order, id }) => order?.target?.endpoint === id;

function address(one) {
  const made = { mark: icon("unknown"), word: h("b", { class: "word" }), since: moment("since"), spark: new Spark() };
  made.used = h("span", { class: "badge used", text: "answered" });
  made.took = h("span", { class: "took" });
  made.badges = h("p", { class: "badges" });
  made.error = h("span");
  made.when = moment("ago");
  made.failed = h("p", { class: "error" }, made.error, " · ", made.when);
  made.node = h(
    "li",
    { data: { address: one.address } },
    h("p", { class: "verdict" }, made.mark, made.word, h("code", { text: one.address }), made.used),
    h("p", { class: "muted when" }, made.since),
    made.took,
    made.spark.node,
    made.badges,
    made.failed,
  );
  return made;
}

function updateAddress(made, one) {
  const { check, hold } = one;
  const state = stateOf(one);
  turn(made.mark, state);
  set(made.word, { text: STATES[state] ?? state, class: `word is-${state}` });
  set(made.node, { data: { state } });
  set(made.used, { hidden: !one.in_use });
  setMoment(made.since, check?.since ?? null);
  set(made.took, { text: latency(check?.last?.total_ms), title: phases(check?.last) });
  set(made.spark.node, { hidden: !check });
  if (check) made.spark.update(check.recent ?? []);
  badge(made.badges, [...streaks(check, state), ...holds(hold)]);
  const failure = check?.last?.error ? check.last : check?.last_failure;
  set(made.failed, { hidden: !failure, class: check?.last?.error ? "error now" : "error" });
  set(made.error, { text: failure ? `${check.last?.error ? "" : "last error: "}${failure.error}` : "" });
  setMoment(made.when, failure?.at ?? null);
}

function phases(last) {
  if (!last) return null;
  const parts = [["connect", last.connect_ms], ["TLS", last.tls_ms], ["first byte", last.first_byte_ms], ["in all", last.total_ms]];
  return parts.filter(([, ms]) => ms !== null).map(([name, ms]) => `${name} ${latency(ms)}`).join(", ");
}

function streaks(check, state) {
  if (!check) return [];
  const said = [];
  if (state === "stale") said.push({ text: `no check for long; verdict was ${check.verdict}`, kind: "warn" });
  if (check.streak > 0 && check.verdict === "down") said.push({ text: `${check.streak} of ${check.rise} to come back`, kind: "info" });
  else if (check.streak > 0) said.push({ text: `failed ${check.streak} of ${check.fall} in a row`, kind: "warn" });
  return said;
}

function holds(hold) {
  if (!hold) return [];
  if (hold.state === "manual") return [{ text: "back, held until failback", kind: "info" }];
  if (hold.state === "pending") return [{ text: "will be held when it is back", kind: "info" }];
  return [{ text: `back, held until ${clock(now() + hold.left_ms)}`, kind: "info" }];
}
