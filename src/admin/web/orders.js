// What an operator can tell the node: overrides, failback, reload. And the list of overrides in force.

import { send } from "./api.js";
import { LENGTHS, actor, ask, field, select, sentence } from "./ask.js";
import { byId, h, icon, keyed, note, set } from "./dom.js";
import { covered, emptied } from "./model.js";
import { FORCES, duration, many, moment, scopeWords, setMoment } from "./words.js";

const LIST_MAX = 4;

// Refusals of a reload that can be insisted on.
const FORCEABLE = ["reload-last-healthy", "reload-no-zone-left", "reload-zones-gone"];

const CHOICES = [
  ["drain", "Drain", "no new answers; it still counts as healthy"],
  ["down", "Down", "never answered, even when all else is down"],
  ["up", "Up", "treated as healthy, whatever its checks say"],
];

const list = (names) =>
  names.length > LIST_MAX ? `${names.slice(0, LIST_MAX).join(", ")} and ${names.length - LIST_MAX} more` : names.join(", ");

function effect(view, scope, force, forMs) {
  const endpoints = covered(view, scope);
  const pools = [...new Set(endpoints.map((endpoint) => endpoint.pool))];
  const ends = forMs ? `It ends by itself after ${duration(forMs)}.` : "It holds until somebody clears it, also over a restart.";
  const what = {
    drain: `New answers of ${list(pools)} will not hold ${many(endpoints.length, "endpoint")} (${list(endpoints.map((e) => e.name))}). Clients that know the old answer keep it for as long as its TTL.`,
    down: `Answers of ${list(pools)} will not hold ${many(endpoints.length, "endpoint")} (${list(endpoints.map((e) => e.name))}), whatever happens to the others.`,
    up: `${many(endpoints.length, "endpoint")} of ${list(pools)} (${list(endpoints.map((e) => e.name))}) will be answered as if healthy.`,
  }[force];
  const said = [[what], [`${ends} Checks go on.`]];
  if (force === "up") {
    const down = endpoints.filter((endpoint) => ["down", "stale", "unknown"].includes(endpoint.state));
    if (down.length) said.push([`Not healthy now: ${list(down.map((e) => `${e.name} (${e.state})`))}. Clients will be sent there.`, true]);
  } else {
    const bare = emptied(view, endpoints);
    if (bare.length) said.push([`Nothing healthy would be left in ${list(bare)}: its all_down rule will decide the answer.`, true]);
  }
  return said;
}

// Asks for an override of this scope, and sets it.
export function override(view, scope) {
  const choices = CHOICES.map(([value, name, text], i) => {
    const radio = h("input", { type: "radio", name: "force", value, checked: i === 0, data: i === 0 ? { first: "" } : {} });
    return h("label", { class: "choice" }, radio, h("span", {}, h("b", { text: name }), ` ${text}`));
  });
  const force = h("fieldset", {}, h("legend", { text: "From now on" }), ...choices);
  const length = select(LENGTHS, "");
  length.name = "for";
  const chosen = () => force.querySelector("input:checked").value;
  const forMs = () => (length.value ? Number(length.value) : null);
  ask({
    title: `Override ${scopeWords(scope)}`,
    body: [force, field("For", length)],
    words: () => effect(view(), scope, chosen(), forMs()),
    button: () => ({ drain: "Drain it", down: "Hold it down", up: "Hold it up" })[chosen()],
    danger: true,
    run: async (who) => {
      const done = await send("PUT", "v1/overrides", { scope, force: chosen(), for_ms: forMs(), ...who });
      told(`${scopeWords(scope)} is ${FORCES[chosen()]}`, done);
    },
  });
}

export function clear(scope, given) {
  ask({
    title: `Clear the override of ${scopeWords(scope)}`,
    words: () => [
      [`It was ${FORCES[given.force]} by ${given.author}: “${given.reason}”.`],
      ["From now on its checks decide again, or a wider override where there is one."],
    ],
    button: "Clear it",
    run: async (who) => told(`cleared: ${scopeWords(scope)}`, await send("DELETE", "v1/overrides", { scope, ...who })),
  });
}

function told(text, { saved }) {
  note(saved ? `${text}.` : `${text}, but it could not be written to disk: a restart would undo this.`, !saved);
}

export function failback(pool, held) {
  ask({
    title: `Let ${pool} return`,
    words: () => [
      [`Held back now, though healthy again: ${list(held)}.`],
      ["The hold ends at once, and answers go where the policy says."],
    ],
    button: "Fail back",
    run: async (who) => {
      const { released } = await send("POST", "v1/failback", { pool, ...who });
      note(`${pool}: ${many(released, "hold")} released.`);
    },
  });
}

// Reads the files, shows what would change, and applies it when told a second time.
export function reload() {
  let shown = null;
  const force = h("input", { type: "checkbox", name: "force" });
  const forced = h("label", { class: "tick", hidden: true }, force, " apply it even so (force)");
  const found = h("div", { class: "diff", "aria-live": "polite" });
  ask({
    title: "Reload the configuration",
    body: [found, forced],
    words: () =>
      shown
        ? [["Applied all at once; no query is lost. What is already known of health is kept."]]
        : [["The files are read and checked, and what would change is shown. Nothing changes yet."]],
    button: () => (shown ? "Apply" : "Show what changes"),
    run: async (who) => {
      try {
        if (shown) {
          const done = await send("POST", "v1/reload", { force: force.checked, dry_run: false, ...who });
          note(`Reloaded: ${many(done.changes.length, "change")}.`);
          return false;
        }
        shown = await send("POST", "v1/reload", { force: true, dry_run: true, ...who });
        found.replaceChildren(...diff(shown));
      } catch (error) {
        if (FORCEABLE.includes(error.code)) set(forced, { hidden: false });
        throw error;
      }
      return true;
    },
  });
}

function diff({ changes, checks_started, checks_stopped, restart_needed, warnings }) {
  if (!changes.length) return [sentence("No change to zones, pools or endpoints."), ...rest()];
  const lines = changes.map(({ how, what, name, details }) => {
    const inner = details.map(({ key, before, after }) =>
      h("li", {}, `${key}: `, h("del", { text: before ?? "–" }), " → ", h("ins", { text: after ?? "–" })),
    );
    const sign = { added: "+", removed: "−", changed: "~" }[how] ?? "";
    return h("li", { class: how }, `${sign} ${how} ${what} `, h("b", { text: name }), inner.length ? h("ul", {}, ...inner) : null);
  });
  return [h("ul", {}, ...lines), ...rest()];

  function rest() {
    const said = [sentence(`${many(checks_started, "check")} started, ${checks_stopped} stopped.`)];
    if (restart_needed.length) said.push(sentence(`Only after a restart: ${restart_needed.join(", ")}.`, true));
    return [...said, ...warnings.map((text) => sentence(text, true))];
  }
}

export function overrides(view) {
  const given = view.status.overrides;
  set(byId("no-overrides"), { hidden: given.length > 0 });
  set(byId("n-overrides"), { text: given.length ? String(given.length) : "" });
  keyed(byId("override-list"), given, (one) => one.scope, make, update);
}

function make(first) {
  const row = { given: first, head: h("b"), reason: h("q"), author: h("span"), set: moment("ago"), left: moment("left") };
  const button = actor("Clear…", `clear the override of ${first.scope}`, () => clear(row.given.target, row.given));
  row.until = h("span", { class: "muted", text: "until it is cleared" });
  row.node = h(
    "li",
    { class: "order", data: { scope: first.scope } },
    h("p", {}, icon("order"), row.head, button),
    h("p", {}, row.reason),
    h("p", { class: "muted" }, row.author, ", ", row.set, " · ", row.left, row.until),
  );
  return row;
}

function update(row, given) {
  row.given = given;
  set(row.head, { text: `${given.scope}: ${FORCES[given.force] ?? given.force}` });
  set(row.reason, { text: given.reason });
  set(row.author, { text: given.author });
  setMoment(row.set, given.set);
  setMoment(row.left, given.expires);
  set(row.until, { hidden: given.expires !== null });
}
