// The live page of the sandbox: asks once a second for the newest calls and orders.
"use strict";

const PERIOD = 1000;
const byId = (id) => document.getElementById(id);
const rows = { calls: new Map(), orders: new Map() };
let timer = null;
let newest = 0;

function cell(row, text, kind) {
  const made = row.insertCell();
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function time(seconds) {
  const at = new Date(seconds * 1000);
  return at.toLocaleTimeString([], { hour12: false }) + "." + String(at.getMilliseconds()).padStart(3, "0");
}

function named(call) {
  return call.account === "default" ? call.provider : call.provider + "@" + call.account;
}

function acts(call) {
  const acted = call.orders.filter((one) => one.acted).map((one) => one.id);
  const others = call.orders.length - acted.length;
  if (call.op === null) return ["the provider has no such call", "bad"];
  if (call.orders.length === 0) return ["", ""];
  if (call.op === "create") return ["made " + call.orders.map((one) => one.id).join(", "), "good"];
  if (acted.length === 0) return ["nothing", ""];
  return ["acted on " + acted.join(", ") + (others ? "; not on the other " + others : ""), "good"];
}

function answer(call) {
  if (call.seconds === null) return ["no answer yet", "warn"];
  if (call.status === null) return ["none: connection closed, " + call.seconds + " s", "bad"];
  return [call.status + ", " + call.seconds + " s", call.status < 400 ? "" : "bad"];
}

function details(row, call) {
  const made = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = "Show";
  const sent = document.createElement("pre");
  sent.textContent = call.method + " " + call.path + "\n\n" + call.sent;
  const said = document.createElement("pre");
  said.textContent = call.answer === null ? "no answer" : call.status + "\n\n" + call.answer;
  made.append(summary, sent, said);
  row.insertCell().append(made);
}

function fillCall(row, call) {
  cell(row, time(call.at), "when");
  cell(row, named(call));
  cell(row, (call.op || "other") + " " + call.method + " " + call.path, "mono");
  cell(row, call.fault ? call.fault + (call.scripted ? " (scenario)" : "") : call.scripted ? "none (scenario)" : "", call.fault ? "warn" : "");
  cell(row, ...acts(call));
  cell(row, ...answer(call));
  details(row, call);
}

function fillOrder(row, order) {
  const ended = order.truth !== order.was;
  cell(row, order.provider);
  cell(row, order.id, "mono");
  cell(row, order.was);
  cell(row, order.truth, ended ? "good" : "");
  cell(row, order.items ? order.state + " (" + Object.entries(order.items).map((one) => one.join(": ")).join(", ") + ")" : order.state);
  cell(row, order.cancels, order.cancels > 1 ? "bad" : "");
  cell(row, order.calls);
  cell(row, order.last ? order.last.op + ", " + time(order.last.at) : "", "when");
}

// A row that says the same stays as it is: what a reader has opened stays open.
function show(what, body, list, key, fill) {
  const kept = rows[what];
  const wanted = new Set(list.map(key));
  for (const [name, one] of kept) {
    if (!wanted.has(name)) {
      one.row.remove();
      kept.delete(name);
    }
  }
  list.forEach((item, place) => {
    const says = JSON.stringify(item);
    let one = kept.get(key(item));
    if (!one) {
      one = { row: document.createElement("tr"), says: "" };
      kept.set(key(item), one);
    }
    if (one.says !== says) {
      const open = one.row.querySelector("details[open]") !== null;
      const focused = one.row.contains(document.activeElement);
      one.row.replaceChildren();
      fill(one.row, item);
      one.says = says;
      const made = one.row.querySelector("details");
      if (made && open) made.open = true;
      if (made && focused) made.querySelector("summary").focus();
    }
    if (body.rows[place] !== one.row) body.insertBefore(one.row, body.rows[place] || null);
  });
  byId("no-" + what).hidden = list.length > 0;
}

function providers(names) {
  const select = byId("provider");
  if (select.options.length > 1) return;
  for (const name of names) select.add(new Option(name, name));
}

function shown(found) {
  providers(found.providers);
  show("orders", byId("order-rows"), found.orders, (one) => one.provider + " " + one.id, fillOrder);
  show("calls", byId("call-rows"), found.calls, (one) => String(one.number), fillCall);
  const parts = [found.total + " calls", found.known + " orders"];
  if (found.scenario) parts.push("scenario " + found.scenario + ", " + found.steps_left + " steps left");
  say(parts.join(", "));
}

function say(text) {
  if (byId("status").textContent !== text) byId("status").textContent = text;
}

async function look() {
  const asked = ++newest;
  const query = new URLSearchParams({ order: byId("order").value, provider: byId("provider").value });
  try {
    const reply = await fetch("/_sandbox/recent?" + query);
    if (!reply.ok) throw new Error(reply.status);
    const found = await reply.json();
    if (asked === newest) shown(found);
  } catch {
    say("The sandbox does not answer. It is asked again each second.");
  }
}

function again() {
  clearTimeout(timer);
  const paused = byId("pause").getAttribute("aria-pressed") === "true";
  if (paused || document.hidden) return;
  look().finally(() => {
    clearTimeout(timer);
    timer = setTimeout(again, PERIOD);
  });
}

byId("filter").addEventListener("submit", (event) => event.preventDefault());
byId("order").addEventListener("input", look);
byId("provider").addEventListener("change", look);
byId("pause").addEventListener("click", () => {
  const paused = byId("pause").getAttribute("aria-pressed") !== "true";
  byId("pause").setAttribute("aria-pressed", String(paused));
  again();
});
byId("reset").addEventListener("click", async () => {
  if (!confirm("Delete all calls and orders, and begin again as at the start?")) return;
  await fetch("/_sandbox/reset", { method: "POST" }).catch(() => {});
  look();
});
document.addEventListener("visibilitychange", again);
again();
