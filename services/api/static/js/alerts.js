// Alerts, firing first: who, which rule in words, since when, who has it.

import { byId, element } from "./dom.js";
import { Refused, send } from "./server.js";
import { ago, moment } from "./words.js";

const ORDER = { firing: 0, pending: 1, resolved: 2 };
const URGENCY = { critical: 0, warning: 1, info: 2 };
const SEVERITY = { critical: "▼", warning: "●", info: "▲" };
const MOST = 30;
const MAY_ACT = new Set(["admin", "manager"]);
let shown = "";
let pointedAt = null;

export function showAlerts(store, view, now, mine) {
  const alerts = [...store.alerts.values()].filter((alert) => alert.state !== "pending" && mine(alert));
  alerts.sort(
    (a, b) =>
      ORDER[a.state] - ORDER[b.state] ||
      URGENCY[a.severity] - URGENCY[b.severity] ||
      b.started_at.localeCompare(a.started_at),
  );
  const chosen = alerts.filter((alert, place) => place < MOST || alert.id === view.alert);
  const key = JSON.stringify([chosen.map((alert) => [alert.id, alert.version, alert.reason]), Math.floor(now / 30000)]);
  if (key === shown) return;
  shown = key;
  const held = document.activeElement?.dataset?.act;
  byId("alerts").replaceChildren(...(chosen.length > 0 ? chosen.map((alert) => row(alert, view, now, store)) : [none()]));
  if (held) document.querySelector(`[data-act="${CSS.escape(held)}"]`)?.focus();
  if (view.alert && pointedAt !== view.alert) pointTo(view.alert);
}

// A link to an alert leads there, once.
function pointTo(alert) {
  const item = document.querySelector(".alert[data-chosen]");
  if (!item) return;
  pointedAt = alert;
  item.scrollIntoView({ block: "nearest" });
}

function none() {
  return element("li", { class: "quiet" }, "Nobody needs you right now.");
}

function row(alert, view, now, store) {
  const item = element("li", { class: "alert", "data-state": alert.state, "data-severity": alert.severity,
    "data-chosen": view.alert === alert.id });
  item.append(
    element("p", { class: "who" }, element("span", { "aria-hidden": "true" }, `${SEVERITY[alert.severity] ?? "●"} `),
      element("strong", {}, nameOf(alert)), ` ${alert.rule.replaceAll("-", " ")}`),
    element("p", {}, alert.reason),
    element("p", { class: "quiet" }, standing(alert, now)),
  );
  if (MAY_ACT.has(store.catalogue.viewer?.role) && alert.state === "firing") item.append(actions(alert, store, now));
  return item;
}

const nameOf = ({ subject, rule }) => subject?.name ?? subject?.rep ?? subject?.team ?? subject?.source ?? rule;

function standing(alert, now) {
  if (alert.state === "resolved") return `resolved ${ago(alert.resolved_at ?? alert.started_at, now)}`;
  const owner = alert.assigned_to ?? alert.acknowledged_by;
  const snoozed = isSnoozed(alert, now) ? `, snoozed until ${moment(alert.snoozed_until)}` : "";
  return `since ${ago(alert.started_at, now)}${owner ? `, ${owner} has it` : ""}${snoozed}`;
}

const isSnoozed = (alert, now) => Boolean(alert.snoozed_until) && Date.parse(alert.snoozed_until) > now;

function actions(alert, store, now) {
  const button = (action, words, body) => {
    const made = element("button", { type: "button", "data-act": `${alert.id}/${action}`, "aria-label": `${words}: ${nameOf(alert)}` }, words);
    made.addEventListener("click", async () => {
      made.disabled = true;
      try {
        store.takeAlert(await send(`/v1/alerts/${encodeURIComponent(alert.id)}/${action}`, body));
      } catch (error) {
        made.parentNode.lastChild.textContent = error instanceof Refused ? error.message : "not sent: no connection";
        made.disabled = false;
      }
    });
    return made;
  };
  return element("p", { class: "actions" },
    alert.acknowledged_by ? null : button("acknowledge", "Acknowledge", {}),
    isSnoozed(alert, now) ? null : button("snooze", "Snooze until tomorrow", { until: "next_working_morning" }),
    element("span", { role: "alert" }));
}
