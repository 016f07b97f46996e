// Small lines: what the last checks took, and the queries per second.

import { set, svg } from "./dom.js";
import { latency } from "./words.js";

const WIDTH = 120;
const HEIGHT = 24;

function frame(label) {
  return svg("svg", {
    class: "spark",
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": label,
  });
}

// Values left to right, the newest at the right edge; null leaves a gap.
function line(values, room, top) {
  const step = WIDTH / (room - 1);
  const first = room - values.length;
  let path = "";
  let pen = false;
  values.forEach((value, i) => {
    if (value === null) {
      pen = false;
      return;
    }
    const x = ((first + i) * step).toFixed(1);
    const y = (HEIGHT - 1.5 - (value / top) * (HEIGHT - 4)).toFixed(1);
    path += `${pen ? "L" : "M"}${x} ${y}`;
    if (!pen) path += "h.1";
    pen = true;
  });
  return path;
}

// Latency of the last checks; a failed one is a bar across the line.
export class Spark {
  constructor() {
    this.node = frame("no checks yet");
    this.fails = svg("path", { class: "fails" });
    this.line = svg("path", { class: "trace" });
    this.node.append(this.fails, this.line);
  }

  update(recent) {
    const room = 60;
    const good = recent.filter((one) => one.ok).map((one) => one.ms);
    const most = Math.max(...good, 1);
    const values = recent.map((one) => (one.ok ? one.ms : null));
    const step = WIDTH / (room - 1);
    const bars = recent.map((one, i) => (one.ok ? "" : `M${((room - recent.length + i) * step).toFixed(1)} 3V${HEIGHT}`));
    set(this.line, { d: line(values, room, most * 1.15) || null });
    set(this.fails, { d: bars.join("") || null });
    const failed = recent.length - good.length;
    const sorted = [...good].sort((a, b) => a - b);
    const middle = sorted.length ? `, median ${latency(sorted[sorted.length >> 1])}, longest ${latency(most)}` : "";
    set(this.node, { "aria-label": `last ${recent.length} checks: ${failed} failed${middle}` });
  }
}

// Queries per second over the last minutes.
export class Rate {
  constructor(room) {
    this.room = room;
    this.values = [];
    this.node = frame("queries per second");
    this.line = svg("path", { class: "trace" });
    this.node.append(this.line);
  }

  push(value) {
    this.values.push(value);
    if (this.values.length > this.room) this.values.shift();
    const most = Math.max(...this.values.filter((v) => v !== null), 1);
    set(this.line, { d: line(this.values, this.room, most * 1.1) || null });
    set(this.node, { "aria-label": `queries per second, at most ${Math.round(most)} in the time shown` });
  }
}
