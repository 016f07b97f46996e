// The regions: how many of their endpoints work, what is ordered for them, and what can be.

import { actor } from "./ask.js";
import { byId, h, icon, keyed, set, turn } from "./dom.js";
import { FORCES, STATES, many } from "./words.js";
import { override } from "./orders.js";
import { drill } from "./drills.js";

// `look` gives the view of now, `only` narrows the list of pools to a region.
export function regions(view, look, only) {
  const orders = new Map(view.status.overrides.filter(({ target }) => target.region).map((one) => [one.target.region, one]));
  set(byId("regions"), { hidden: view.regions.length === 0 });
  keyed(
    byId("region-list"),
    view.regions,
    (region) => region.name,
    (region) => make(region.name, look, only),
    (row, region) => update(row, region, orders.get(region.name), view.status.drill),
  );
}

function make(name, look, only) {
  const row = { mark: icon("unknown"), counts: h("p"), used: h("p", { class: "muted" }), badges: h("p", { class: "badges" }) };
  row.node = h(
    "li",
    { class: "region", data: { region: name } },
    h("p", { class: "head" }, row.mark, h("button", { type: "button", class: "plain", text: name, "aria-label": `show only region ${name}`, onclick: () => only(name) })),
    row.counts,
    row.used,
    row.badges,
    h(
      "div",
      { class: "acts" },
      actor("Override…", `override region ${name}`, () => override(look, { region: name })),
      actor("Drill…", `drill: fail region ${name} on purpose`, () => drill(look, name)),
    ),
  );
  return row;
}

function update(row, region, order, running) {
  set(row.node, { data: { state: region.state } });
  turn(row.mark, region.state);
  const words = Object.entries(region.counts).map(([state, n]) => `${n} ${STATES[state] ?? state}`);
  set(row.counts, { text: `${region.endpoints.length === 1 ? "endpoint" : "endpoints"}: ${words.join(", ")}` });
  set(row.used, { text: region.used.size ? `answered in ${many(region.used.size, "pool")}` : "not answered now" });
  const badges = [];
  if (order) badges.push({ text: `${FORCES[order.force]}: ${order.reason}`, kind: "order" });
  if (running?.region === region.name) badges.push({ text: "drill running", kind: "drill" });
  badge(row.badges, badges);
}

// Short marks, each a word of its own.
export function badge(node, badges) {
  set(node, { hidden: badges.length === 0 });
  keyed(
    node,
    badges,
    ({ text }) => text,
    ({ text, kind }) => ({ node: h("span", { class: `badge ${kind}`, text }) }),
    () => {},
  );
}
