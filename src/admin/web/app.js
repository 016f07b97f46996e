// The dashboard of a node: asks for the status every two seconds and after each event, and shows it.
// When the node cannot be reached what stands on the page stays, is greyed, and says since when.

import { Fault, access, get, hasToken, onAccess, setToken, whoami } from "./api.js";
import { actor, askToken } from "./ask.js";
import { byId, h, icon, keyed, note, say, set, turn } from "./dom.js";
import { drill, drills, progress, refresh as refreshDrills } from "./drills.js";
import { catchUp, choices, events } from "./events.js";
import { arrange } from "./model.js";
import { overrides, reload } from "./orders.js";
import { pools } from "./pools.js";
import { regions } from "./regions.js";
import { Rate } from "./spark.js";
import { clock, count, duration, many, now, setClock, tick } from "./words.js";

const POLL_MS = 2000;
// After an event: several that come together are one question.
const SOON_MS = 150;
// A node whose status takes long is asked less often: this many times what it took.
const REST = 4;
// Longer than this between two figures is a gap in the line.
const RATE_ROOM = 120;

const rate = new Rate(RATE_ROOM);
let view = null;
let counted = null;
let lost = null;
let failures = 0;
let heard = null;
let stream = { state: "off", why: "connecting" };
let timer = 0;
let asking = false;
let again = false;

const look = () => view;

function draw() {
  set(byId("main"), { hidden: false });
  header();
  summary();
  banners();
  regions(view, look, only);
  pools(view, look);
  overrides(view);
  drills(view);
  choices(view.pools);
}

function header() {
  const { status } = view;
  set(byId("node"), { text: status.node });
  const facts = [
    status.region ? `region ${status.region}` : null,
    `version ${status.version}`,
    status.started ? `up ${duration(now() - Date.parse(status.started))}` : null,
    status.ready ? "ready" : "not ready",
    status.snapshot ? `snapshot ${status.snapshot.generation} of ${clock(status.snapshot.published)}` : null,
  ];
  set(byId("facts"), { text: facts.filter(Boolean).join(" · ") });
}

function measure(status) {
  if (status.queries === undefined) return;
  const at = Date.parse(status.at);
  if (counted && status.started === counted.started && status.queries >= counted.queries) {
    if (at - counted.at < POLL_MS / 2) return;
    const perSecond = (status.queries - counted.queries) / ((at - counted.at) / 1000);
    rate.push(perSecond);
    set(byId("rate-now"), { text: perSecond >= 10 || perSecond === 0 ? count(Math.round(perSecond)) : perSecond.toFixed(1) });
  } else {
    rate.push(null);
  }
  counted = { at, queries: status.queries, started: status.started };
}

function summary() {
  const gone = view.pools.filter((pool) => pool.lost).length;
  const words = Object.entries(view.counts).map(([state, n]) => `${count(n)} ${state === "unchecked" ? "not checked" : state}`);
  const lines = [
    [gone ? "down" : "up", gone ? `${many(gone, "pool")} of ${count(view.pools.length)} with nothing healthy` : `${many(view.pools.length, "pool")} answered with healthy endpoints`],
    [view.bad ? (gone ? "down" : "warn") : "up", `${many(view.endpoints.length, "endpoint")}: ${words.join(", ") || "none"}`],
  ];
  keyed(
    byId("counts"),
    lines,
    (line) => lines.indexOf(line),
    () => {
      const row = { mark: icon("unknown"), text: h("span") };
      row.node = h("span", { class: "count" }, row.mark, row.text);
      return row;
    },
    (row, [mark, text]) => {
      turn(row.mark, mark);
      set(row.text, { text });
    },
  );
  const bad = view.bad ? `${view.bad} not well · ` : "";
  const title = `${lost ? "no contact · " : bad}${view.status.node} · pharos`;
  if (document.title !== title) document.title = title;
}

function banners() {
  const said = [];
  if (lost) said.push({ id: "lost", kind: "down", text: `No contact since ${clock(lost.since)}: ${lost.why}. What stands below is from then.` });
  if (view) {
    const { isolated, drill: running, ready, reload_waits: waits } = view.status;
    const families = [isolated?.ipv4 && "IPv4", isolated?.ipv6 && "IPv6"].filter(Boolean);
    if (families.length) said.push({ id: "isolated", kind: "down", text: `This node is cut off (${families.join(" and ")}): every check fails and no witness answers. The last answers are held.` });
    if (!ready) said.push({ id: "ready", kind: "warn", text: "Not ready: not every target has been checked yet." });
    if (waits) said.push({ id: "waits", kind: "info", text: `A reload waits for the first check of ${many(waits, "target")}.` });
    if (running) said.push({ id: "drill", kind: "warn", text: Date.parse(running.until) > now() ? `Drill: ${running.region} is failed on purpose until ${clock(running.until)}.` : `Drill: ${running.region} is being restored.` });
  }
  keyed(
    byId("banners"),
    said,
    (one) => one.id,
    (one) => {
      const text = h("span");
      return { text, node: h("p", { class: `banner ${one.kind}`, role: "alert", data: { banner: one.id } }, icon(one.kind), text) };
    },
    (row, one) => set(row.text, { text: one.text }),
  );
}

function contact() {
  const box = byId("contact-icon");
  const [mark, text] = lost
    ? ["down", `no contact for ${duration(now() - lost.since)}`]
    : !heard
      ? ["unknown", "connecting"]
      : stream.state === "live"
        ? ["up", "live"]
        : ["stale", `asked every ${duration(POLL_MS)}; ${stream.why}`];
  if (!box.firstChild) box.append(icon(mark));
  turn(box.firstChild, mark);
  set(byId("contact-text"), { text });
}

// The status, once; and the next time set.
async function poll() {
  clearTimeout(timer);
  again = asking;
  if (asking) return;
  asking = true;
  const began = Date.now();
  try {
    const status = await get("v1/status");
    setClock(status.at);
    view = arrange(status);
    heard = Date.now();
    failures = 0;
    if (lost) returned();
    measure(status);
    draw();
    if (stream.state !== "live") await catchUp(status.last_event);
  } catch (error) {
    await failed(error);
  } finally {
    asking = false;
    contact();
    const rest = Math.max(POLL_MS, (Date.now() - began) * REST);
    clearTimeout(timer);
    timer = setTimeout(poll, document.hidden ? POLL_MS * 10 : again || failures === 1 ? SOON_MS : rest);
  }
}

let soonTimer = 0;
function soon() {
  clearTimeout(soonTimer);
  soonTimer = setTimeout(poll, SOON_MS);
}

async function failed(error) {
  if (!(error instanceof Fault)) throw error;
  if (error.status === 401) {
    try {
      await admit(error.message);
      return;
    } catch (other) {
      if (!(other instanceof Fault)) throw other;
      error = other;
    }
  }
  // One failure may be a connection that was just closed: it is asked again at once.
  failures += 1;
  if (failures === 1 && heard) return;
  if (!lost) say(`No contact with the node: ${error.message}`);
  lost = { since: lost?.since ?? (heard ? heard + (now() - Date.now()) : now()), why: error.message };
  document.body.classList.toggle("lost", true);
  banners();
  if (view) summary();
}

function returned() {
  lost = null;
  document.body.classList.toggle("lost", false);
  say("In contact with the node again.");
  whoami().catch(() => {});
  refreshDrills().catch(() => {});
}

// Until the node lets us read: asks for the token.
async function admit(said) {
  let why = said;
  for (;;) {
    const told = await whoami();
    if (told.access !== "none") return;
    if (hasToken()) why = "The node does not know this token.";
    const token = await askToken(why);
    if (token === null) {
      note("Without a token this node shows nothing.", true);
      await new Promise((done) => byId("token").addEventListener("click", done, { once: true }));
    } else {
      setToken(token);
    }
  }
}

const ACCESS = { write: "read and write", read: "read only: actions need the write token", none: "no access" };

onAccess(() => {
  set(byId("access"), { text: ACCESS[access] ?? access });
  set(byId("token"), { hidden: !hasToken() && access !== "none", text: hasToken() ? "forget token" : "give token" });
});

byId("token").addEventListener("click", () => {
  if (!hasToken()) return;
  setToken(null);
  location.reload();
});

function only(region) {
  byId("find").value = region;
  pools(view, look);
  byId("pools").scrollIntoView({ block: "start" });
  byId("find").focus({ preventScroll: true });
}

const redraw = () => view && pools(view, look);
byId("find").addEventListener("input", redraw);
byId("broken").addEventListener("change", redraw);
byId("rate").append(rate.node);
byId("acts").append(
  actor("Reload…", "reload the configuration", reload),
  actor("Drill…", "drill: fail a region on purpose", () => (view?.regions.length ? drill(look) : note("No endpoint names a region.", true))),
);
document.addEventListener("visibilitychange", () => document.hidden || poll());
setInterval(() => {
  tick();
  contact();
  progress();
}, 1000);

async function begin() {
  for (;;) {
    try {
      await admit();
      break;
    } catch (error) {
      await failed(error);
      contact();
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }
  await poll();
  if (view) refreshDrills().catch((error) => note(`drills: ${error.message}`, true));
  const onState = (state, why) => {
    stream = { state, why };
    contact();
  };
  const onNews = (event) => {
    soon();
    if (event.topic === "drill") refreshDrills().catch(() => {});
  };
  for (;;) {
    try {
      await events({ onNews, onState });
    } catch (error) {
      onState("off", `events: ${error.message}`);
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }
}

begin();
