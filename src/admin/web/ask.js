// The one dialog: says in words what will happen, takes who and why, and only then acts.

import { access, onAccess } from "./api.js";
import { byId, h, icon, keyed, set } from "./dom.js";

const AUTHOR = "pharos.author";
const AUTHOR_MAX = 100;
const REASON_MAX = 500;

const WHY = {
  read: "this token may only read; a write token is needed",
  none: "no access: give a token first",
};

// A button for what changes the node: without a write token it is disabled and says why.
export function actor(label, name, act) {
  const button = h("button", { type: "button", text: label, data: { act: "" }, "aria-label": name, onclick: act });
  return permit(button);
}

function permit(button) {
  return set(button, { disabled: access !== "write", title: WHY[access] ?? null });
}

onAccess(() => {
  for (const button of document.querySelectorAll("button[data-act]")) permit(button);
});

// A label with its control.
export function field(label, control, hint) {
  const words = [h("span", { class: "label", text: label }), control];
  return h("label", { class: "field" }, ...words, hint ? h("small", { text: hint }) : null);
}

export function select(choices, value) {
  const node = h("select", {}, ...choices.map(([key, text]) => h("option", { value: key, text })));
  node.value = value;
  return node;
}

export const LENGTHS = [
  ["", "until it is cleared"],
  ["300000", "5 minutes"],
  ["900000", "15 minutes"],
  ["1800000", "30 minutes"],
  ["3600000", "1 hour"],
  ["7200000", "2 hours"],
  ["14400000", "4 hours"],
  ["28800000", "8 hours"],
  ["86400000", "24 hours"],
  ["604800000", "7 days"],
];

// Opens the dialog. `body` are its own elements; `words` gives what will happen, as lists of
// `[text, isWarning]`; `button` the word on the button; `run` acts with `{author, reason}` and may throw.
// What `run` gives, if anything, is shown in place of the form: a second step.
export function ask({ title, body = [], words, button, danger = false, run }) {
  const dialog = byId("ask");
  const reason = h("textarea", { name: "reason", rows: "2", required: true, maxlength: String(REASON_MAX) });
  const author = h("input", { name: "author", required: true, maxlength: String(AUTHOR_MAX), autocomplete: "username" });
  author.value = localStorage.getItem(AUTHOR) ?? "";
  const told = h("div", { class: "told", "aria-live": "polite" });
  const fault = h("p", { class: "fault", role: "alert" });
  const go = h("button", { type: "submit", class: danger ? "go danger" : "go", name: "go" });
  const stop = h("button", { type: "button", text: "Cancel", onclick: () => dialog.close() });
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: "ask-title", text: title }),
    ...body,
    told,
    field("Reason", reason, "Told to everybody who sees this: in the events, the API and here."),
    field("Your name", author),
    fault,
    h("div", { class: "acts" }, go, stop),
  );
  const refresh = () => {
    // Only what is new is heard again.
    keyed(told, words(), ([text]) => text, ([text, warning]) => ({ node: sentence(text, warning) }), () => {});
    set(go, { text: typeof button === "function" ? button() : button });
  };
  form.addEventListener("input", refresh);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!reason.value.trim() || !author.value.trim()) {
      set(fault, { text: "A reason and your name are needed." });
      (reason.value.trim() ? author : reason).focus();
      return;
    }
    localStorage.setItem(AUTHOR, author.value.trim());
    set(fault, { text: "" });
    set(go, { disabled: true });
    try {
      const next = await run({ author: author.value.trim(), reason: reason.value.trim() });
      if (!next) dialog.close();
    } catch (error) {
      set(fault, { text: error.message });
      if (error.body?.diagnostics) fault.append(h("pre", { text: error.body.diagnostics.join("\n\n") }));
    } finally {
      set(go, { disabled: false });
      refresh();
    }
  });
  refresh();
  dialog.replaceChildren(form);
  dialog.showModal();
  (form.querySelector("[data-first]") ?? reason).focus();
}

export function sentence(text, warning = false) {
  return warning ? h("p", { class: "warning" }, icon("warn"), h("span", { text })) : h("p", { text });
}

// Shows a text, to be read or kept.
export function show(title, text, name) {
  const dialog = byId("ask");
  const url = URL.createObjectURL(new Blob([text], { type: "text/markdown;charset=utf-8" }));
  dialog.addEventListener("close", () => URL.revokeObjectURL(url), { once: true });
  dialog.replaceChildren(
    h(
      "div",
      { class: "report" },
      h("h2", { id: "ask-title", text: title }),
      h("pre", { text, tabindex: "0" }),
      h(
        "div",
        { class: "acts" },
        h("a", { class: "button", href: url, download: name, text: "Save" }),
        h("button", { type: "button", text: "Close", onclick: () => dialog.close() }),
      ),
    ),
  );
  dialog.showModal();
}

// Asks for the token; resolves with it, or null where the reader gave up.
export function askToken(said) {
  const dialog = byId("ask");
  const token = h("input", { type: "password", name: "token", autocomplete: "off", required: true });
  let given = null;
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: "ask-title", text: "A token is needed" }),
    sentence("This node shows itself only to those who have its read or write token (admin.read_token, admin.write_token)."),
    said ? sentence(said, true) : null,
    field("Token", token, "Kept in this tab until it is closed."),
    h(
      "div",
      { class: "acts" },
      h("button", { type: "submit", class: "go", text: "Use it" }),
      h("button", { type: "button", text: "Cancel", onclick: () => dialog.close() }),
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    given = token.value.trim() || null;
    dialog.close();
  });
  dialog.replaceChildren(form);
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(given), { once: true });
    dialog.showModal();
    token.focus();
  });
}
