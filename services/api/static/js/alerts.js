// Alerts, firing first: who, which rule in words, since when, who has it.

import { byId, element } from "./dom.js";
import { Refused, send } from "./server.js";
import { ago } from "./words.js";

const ORDER = { firing: 0, pending: 1, resolved: 2 };
const URGENCY = { critical: 0, warning: 1, info: 2 };
const SEVERITY = { critical: "▼", warning: "●", info: "▲" };
const MOST = 30;
let shown = "";

export function showAlerts(store, view, now, mine) {
  const alerts = [...store.alerts.values()].filter((alert) => alert.state !== "pending" && mine(alert));
  alerts.sort(
    (a, b) =>
      ORDER[a.state] - ORDER[b.state] ||
      URGENCY[a.severity] - URGENCY[b.severity] ||
      b.started_at.localeCompare(a.started_at),
  );
  const chosen = alerts.slice(0, MOST);
  const key = JSON.stringify([chosen.map((a) => [a.id, a.state, a.reason, a.acknowledged_by]), Math.floor(now / 30000)]);
  if (key === shown) return;
  shown = key;
  const held = document.activeElement?.dataset?.act;
  byId("alerts").replaceChildren(...(chosen.length > 0 ? chosen.map((alert) => row(alert, view, now, store)) : [none()]));
  if (held) document.querySelector(`[data-act="${CSS.escape(held)}"]`)?.focus();
}

function none() {
  return element("li", { class: "quiet" }, "Nobody needs you right now.");
}

function row(alert, view, now, store) {
  const item = element("li", { class: "alert", "data-state": alert.state, "data-severity": alert.severity,
    "data-chosen": view.alert === alert.id });
  const subject = alert.subject?.name ?? alert.subject?.rep ?? alert.subject?.team ?? alert.subject?.source ?? alert.rule;
  item.append(
    element("p", { class: "who" }, element("span", { "aria-hidden": "true" }, `${SEVERITY[alert.severity] ?? "●"} `),
      element("strong", {}, subject), ` ${alert.rule.replaceAll("-", " ")}`),
    element("p", {}, alert.reason),
    element("p", { class: "quiet" }, standing(alert, now)),
  );
  if (store.catalogue?.viewer?.may_act && alert.state === "firing") item.append(actions(alert, store));
  return item;
}

function standing(alert, now) {
  if (alert.state === "resolved") return `resolved ${ago(alert.resolved_at ?? alert.started_at, now)}`;
  const owner = alert.assigned_to ?? alert.acknowledged_by;
  return `since ${ago(alert.started_at, now)}${owner ? `, ${owner} has it` : ""}`;
}

function actions(alert, store) {
  const button = (action, words, body) => {
    const made = element("button", { type: "button", "data-act": `${alert.id}/${action}` }, words);
    made.addEventListener("click", async () => {
      made.disabled = true;
      try {
        store.takeAlert(await send(`/v1/alerts/${encodeURIComponent(alert.id)}/${action}`, body));
      } catch (error) {
        made.after(element("span", { role: "alert" }, error instanceof Refused ? error.message : "not sent"));
      } finally {
        made.disabled = false;
      }
    });
    return made;
  };
  return element("p", { class: "actions" }, button("acknowledge", "Acknowledge", {}),
    button("snooze", "Snooze until tomorrow", { until: "next_working_morning" }));
}
