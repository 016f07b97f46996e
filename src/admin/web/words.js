// Times, numbers and states in words.

import { h, set } from "./dom.js";

// The node's clock less this browser's, in milliseconds: ages are told by the node's clock.
let skew = 0;

export function setClock(at) {
  skew = Date.parse(at) - Date.now();
}

export const now = () => Date.now() + skew;

export function duration(ms) {
  const s = Math.max(1, Math.round(ms / 1000));
  if (s < 120) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 120) return `${min} min`;
  const hours = Math.floor(min / 60);
  if (hours < 48) return min % 60 && hours < 10 ? `${hours} h ${min % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} days`;
}

// To the second, for what runs out.
export function countdown(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const pad = (n) => String(n).padStart(2, "0");
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)}:${pad(s % 60)} min`;
  return `${Math.floor(s / 3600)}:${pad(Math.floor(s / 60) % 60)} h`;
}

export function latency(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms >= 10000 ? 0 : 1)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

export function count(n) {
  return n.toLocaleString("en-US").replaceAll(",", "\u202f");
}

export const many = (n, one, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`;

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

// In this browser's zone; with the day where that is not today.
export function clock(at) {
  const date = new Date(at);
  const day = DAY.format(date);
  return day === DAY.format(now()) && now() - date < 86_400_000 ? TIME.format(date) : `${day} ${TIME.format(date)}`;
}

const FORMS = {
  age: (t) => duration(Math.max(0, now() - t)),
  ago: (t) => `${duration(Math.max(0, now() - t))} ago`,
  since: (t) => `since ${clock(t)}, ${duration(Math.max(0, now() - t))}`,
  left: (t) => (t > now() ? `${countdown(t - now())} left` : "ending"),
  clock: (t) => clock(t),
};
// Ages are told to the second up to this one, then to the minute: looked at so often.
const FRESH_MS = 120_000;
const SELDOM_MS = 10_000;

// A moment that is kept up to date while it is on the page.
export function moment(form = "since") {
  return h("time", { data: { form } });
}

export function setMoment(node, iso) {
  if (node.dateTime === (iso ?? "")) return;
  set(node, { datetime: iso ?? "", title: iso ? new Date(iso).toString() : null });
  tell(node);
}

function tell(node) {
  const t = Date.parse(node.dateTime);
  const text = Number.isNaN(t) ? "" : FORMS[node.dataset.form](t);
  if (node.textContent !== text) node.textContent = text;
  node.due = Date.now() + (Math.abs(now() - t) < FRESH_MS || node.dataset.form === "left" ? 0 : SELDOM_MS);
}

// Called every second.
export function tick() {
  for (const node of document.getElementsByTagName("time")) {
    if (node.dateTime && node.due <= Date.now()) tell(node);
  }
}

export const STATES = {
  up: "up",
  slow: "slow",
  down: "down",
  unknown: "unknown",
  stale: "stale",
  unchecked: "not checked",
};

// How an answer came to be, for one family.
export function mode(answer, pool) {
  const by = pool.policy.length ? `by ${pool.policy.join(", then ")}` : "all of them";
  switch (answer.mode) {
    case "healthy":
      return `healthy, ${by}`;
    case "last-good":
      return "nothing is healthy: the last good answer is kept";
    case "all":
      return "nothing is healthy: all are answered as if they were";
    case "static":
      return "nothing is healthy: the master file's records are answered";
    case "nodata":
      return "nothing is healthy: the answer says that there is none";
    case "absent":
      return "the pool has no address of this family";
    default:
      return answer.mode;
  }
}

export const FORCES = { up: "held up", down: "held down", drain: "drained" };

// What a scope is called in a sentence.
export function scopeWords(scope) {
  if (scope.region) return `region ${scope.region}`;
  if (scope.pool) return `pool ${scope.pool}`;
  const cut = scope.endpoint.lastIndexOf("/");
  return `endpoint ${scope.endpoint.slice(cut + 1)} of ${scope.endpoint.slice(0, cut)}`;
}
