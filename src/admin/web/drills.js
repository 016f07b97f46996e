// Drills: one to begin, the one that runs with its progress, and the reports of those that were.

import { get, getText, send } from "./api.js";
import { actor, ask, field, select, show } from "./ask.js";
import { byId, h, icon, keyed, note, set } from "./dom.js";
import { covered, emptied } from "./model.js";
import { duration, latency, many, moment, now, setMoment } from "./words.js";

const LENGTHS = [
  ["30000", "30 seconds"],
  ["60000", "1 minute"],
  ["120000", "2 minutes"],
  ["300000", "5 minutes"],
  ["600000", "10 minutes"],
  ["1800000", "30 minutes"],
];
const SHOWN_MAX = 10;

let known = [];
let running = null;

export function drill(look, name) {
  const region = select(look().regions.map((one) => [one.name, one.name]), name ?? look().regions[0]?.name);
  const length = select(LENGTHS, "120000");
  const target = h("input", { type: "number", min: "1", max: "3600", step: "1", name: "rto", inputmode: "numeric" });
  const resolvers = h("input", { name: "resolvers", autocomplete: "off", placeholder: "192.0.2.1:53", spellcheck: false });
  region.dataset.first = "";
  region.name = "region";
  length.name = "for";
  const forMs = () => Number(length.value);
  ask({
    title: "Fail a region on purpose",
    body: [
      field("Region", region),
      field("For", length),
      field("Target, in seconds", target, "For the changed answer and its TTL together; empty for none."),
      field("Resolvers to watch", resolvers, "ADDRESS:PORT, with commas between; may be empty."),
    ],
    words: () => {
      const endpoints = covered(look(), { region: region.value });
      const bare = emptied(look(), endpoints);
      const said = [
        [`For ${duration(forMs())} this node treats the checks of ${many(endpoints.length, "endpoint")} in ${region.value} as failed. The application is not touched.`],
        ["Real answers of this node move to what else is healthy. Then all is restored, and a report tells how long each step took. It can be ended at any time."],
      ];
      if (bare.length) said.push([`Nothing healthy would be left in ${bare.join(", ")}: the node will refuse.`, true]);
      return said;
    },
    button: () => `Fail ${region.value} for ${duration(forMs())}`,
    danger: true,
    run: async (who) => {
      const begun = await send("POST", "v1/drills", {
        region: region.value,
        for_ms: forMs(),
        rto_ms: target.value ? Number(target.value) * 1000 : null,
        resolvers: resolvers.value.split(",").map((text) => text.trim()).filter(Boolean),
        ...who,
      });
      note(`Drill of ${begun.region} begun.`);
      await refresh();
    },
  });
}

function end(one) {
  ask({
    title: `End the drill of ${one.region}`,
    words: () => [["The region's checks count again at once. The report tells that the drill was cut short."]],
    button: "End it now",
    run: async (who) => {
      await send("DELETE", `v1/drills/${encodeURIComponent(one.id)}`, who);
      await refresh();
    },
  });
}

// Asks for the list again; at the start, and when a drill begins or ends.
export async function refresh() {
  known = await get("v1/drills");
  draw();
}

// What the status says of a drill under way.
export function drills(view) {
  const changed = running?.id !== view.status.drill?.id;
  running = view.status.drill;
  if (changed) refresh().catch(() => {});
  progress();
}

function draw() {
  const past = known.slice(0, SHOWN_MAX);
  set(byId("no-drills"), { hidden: past.length > 0 || running !== null });
  keyed(byId("drill-list"), past, (one) => one.id, make, update);
  progress();
}

const OUTCOME = {
  met: ["up", "target met"],
  missed: ["down", "target missed"],
  aborted: ["warn", "cut short"],
  done: ["info", "done, no target"],
  running: ["info", "running"],
  restoring: ["info", "restoring"],
};

function outcome(one) {
  if (one.state !== "done") return one.state;
  return one.met === null ? "done" : one.met ? "met" : "missed";
}

function make(first) {
  const row = { mark: h("span"), word: h("b"), when: moment("clock"), facts: h("p", { class: "muted" }), note: h("p", { class: "muted" }) };
  const path = `v1/drills/${encodeURIComponent(first.id)}?format=markdown`;
  const open = async (event) => {
    event.preventDefault();
    try {
      show(`Drill of ${first.region}`, await getText(path), `${first.id}.md`);
    } catch (error) {
      note(error.message, true);
    }
  };
  const report = h("a", { href: path, text: "report", "aria-label": `report of the drill of ${first.region}, ${first.begun}`, onclick: open });
  row.node = h("li", { data: { drill: first.id } }, h("p", {}, row.mark, row.word, h("span", { text: first.region }), row.when), row.facts, row.note, h("p", {}, report));
  return row;
}

function update(row, one) {
  const [mark, word] = OUTCOME[outcome(one)] ?? ["info", one.state];
  if (row.word.textContent !== word) row.mark.replaceChildren(icon(mark));
  set(row.word, { text: word });
  setMoment(row.when, one.begun);
  const facts = [
    ["detected in", one.detect_ms],
    ["answer moved in", one.answer_ms],
    ["target", one.rto_ms],
    ["back in", one.failback_ms],
  ];
  const told = facts.filter(([, ms]) => ms !== null).map(([name, ms]) => `${name} ${latency(ms)}`);
  set(row.facts, { text: [...told, `by ${one.author}: ${one.reason}`].join(" · ") });
  set(row.note, { hidden: !one.note, text: one.note ?? "" });
}

let shown = null;

// The drill under way; also called every second.
export function progress() {
  const box = byId("drill-now");
  if (!running) {
    if (shown) box.replaceChildren();
    shown = null;
    return;
  }
  if (shown?.id !== running.id) {
    const one = running;
    shown = { id: one.id, bar: h("progress", { "aria-label": `drill of ${one.region}` }), text: h("span", { class: "muted" }) };
    box.replaceChildren(
      h("p", {}, icon("warn"), h("b", { text: `Drill: ${one.region} is failed on purpose` })),
      h("p", {}, shown.bar, shown.text),
      h("div", { class: "acts" }, actor("End now…", `end the drill of ${one.region}`, () => end(one))),
    );
  }
  const record = known.find(({ id }) => id === running.id);
  const left = Date.parse(running.until) - now();
  const all = record?.for_ms ?? null;
  if (record?.state === "restoring" || left <= 0) {
    shown.bar.removeAttribute("value");
    set(shown.text, { text: "restoring" });
  } else {
    if (all) set(shown.bar, { max: "1", value: Math.max(0, Math.min(1, 1 - left / all)) });
    set(shown.text, { text: `${duration(left)} left` });
  }
}
