// Elements, made and changed by difference. Text is set as text: names come from files that others write.

const SVG = "http://www.w3.org/2000/svg";

const PROPERTIES = new Set(["checked", "value", "disabled", "open"]);

// Sets what differs. `on…` are listeners, `data` and `aria` objects of such attributes.
export function set(node, given) {
  for (const [key, value] of Object.entries(given)) {
    if (key === "text") {
      if (node.textContent !== value) node.textContent = value;
    } else if (key.startsWith("on")) {
      node.addEventListener(key.slice(2), value);
    } else if (key === "data" || key === "aria") {
      for (const [name, inner] of Object.entries(value)) attribute(node, `${key}-${name}`, inner);
    } else if (PROPERTIES.has(key) && node.tagName !== "OPTION") {
      if (node[key] !== value) node[key] = value;
    } else {
      attribute(node, key, value);
    }
  }
  return node;
}

function attribute(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else {
    const text = value === true ? "" : String(value);
    if (node.getAttribute(name) !== text) node.setAttribute(name, text);
  }
}

export function h(tag, given = {}, ...children) {
  const node = set(document.createElement(tag), given);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function svg(tag, given = {}, ...children) {
  const node = set(document.createElementNS(SVG, tag), given);
  node.append(...children);
  return node;
}

export const byId = (id) => document.getElementById(id);

// A mark whose shape says what its colour says; the word stands beside it.
export function icon(name) {
  return svg("svg", { class: `icon is-${name}`, "aria-hidden": "true" }, svg("use", { href: `#i-${name}` }));
}

export function turn(mark, name) {
  if (mark.getAttribute("class") === `icon is-${name}`) return;
  set(mark, { class: `icon is-${name}` });
  set(mark.firstChild, { href: `#i-${name}` });
}

const rows = new WeakMap();

// Makes the children of `parent` those of `items`, in their order: what stays is changed in place.
// `make` gives an object with a `node`, `update` brings it up to date. Focus survives a move.
export function keyed(parent, items, key, make, update) {
  if (!rows.has(parent)) rows.set(parent, new Map());
  const have = rows.get(parent);
  const keys = new Set(items.map(key));
  for (const [old, row] of have) {
    if (keys.has(old)) continue;
    if (row.node.contains(document.activeElement)) parent.closest("section")?.focus({ preventScroll: true });
    row.node.remove();
    have.delete(old);
  }
  const focused = document.activeElement;
  let at = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let row = have.get(name);
    if (!row) {
      row = make(item);
      have.set(name, row);
    }
    update(row, item);
    if (row.node === at) at = at.nextElementSibling;
    else parent.insertBefore(row.node, at);
  }
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}

// A message at the foot of the page; errors stay until they are closed.
export function note(text, bad = false) {
  const close = h("button", { type: "button", class: "plain", "aria-label": "close this message", text: "close" });
  const line = h("p", { class: bad ? "note bad" : "note" }, icon(bad ? "warn" : "info"), h("span", { text }), close);
  close.addEventListener("click", () => line.remove());
  byId("notes").append(line);
  if (!bad) setTimeout(() => line.remove(), 8000);
  while (byId("notes").childElementCount > 5) byId("notes").firstElementChild.remove();
}

// For those who hear the page.
export function say(text) {
  byId("said").textContent = text;
}
