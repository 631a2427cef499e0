// What the board knows, and the paint that follows a change: several changes within 100 ms are one paint.

const PAINT_MS = 100;

export class Store {
  constructor(paint) {
    this.paint = paint;
    this.pending = 0;
    this.catalogue = null;
    this.status = null;
    this.health = new Map(); // by source; the stream tells only whether one is out
    this.readings = new Map();
    this.trends = new Map();
    this.alerts = new Map();
    this.changed = new Set();
    this.failures = new Map();
    this.watermark = null;
    this.connected = null;
    this.lastSeen = null;
    this.loaded = false;
    document.addEventListener("visibilitychange", () => this.schedule());
  }

  // Nobody sees a hidden page: it is painted when it is looked at again.
  schedule() {
    if (this.pending || document.hidden) return;
    this.pending = setTimeout(() => {
      this.pending = 0;
      this.paint();
      this.changed.clear();
    }, PAINT_MS);
  }

  set(values) {
    Object.assign(this, values);
    this.schedule();
  }

  // Another team or period is on show.
  clear() {
    this.failures.clear();
    this.set({ readings: new Map(), trends: new Map(), loaded: false });
  }

  takeAll(envelope) {
    const before = this.readings;
    this.readings = new Map(envelope.readings.map((reading) => [keyOf(reading), reading]));
    for (const [key, reading] of this.readings) this.note(key, before.get(key), reading);
    this.set({ watermark: envelope.watermark ?? this.watermark, loaded: true });
  }

  takeReading(reading) {
    const key = keyOf(reading);
    const known = this.readings.get(key);
    // The stream carries every period; only the one on show has a place here.
    if (!known || known.period.id !== reading.period.id || reading.version < known.version) return;
    this.readings.set(key, reading);
    this.note(key, known, reading);
    this.schedule();
  }

  takeAlerts(alerts) {
    this.set({ alerts: new Map(alerts.map((alert) => [alert.id, alert])) });
  }

  takeAlert(alert) {
    this.alerts.set(alert.id, alert);
    this.schedule();
  }

  takeStatus(status) {
    for (const source of status.sources ?? []) if (source.health) this.health.set(source.id, source.health);
    this.set({ status: { ...this.status, ...status }, watermark: status.watermark ?? this.watermark });
  }

  // A part that could not be read; ``refusal`` is null where nobody answered.
  failed(part, refusal) {
    this.failures.set(part, refusal);
    this.schedule();
  }

  mended(part) {
    if (this.failures.delete(part)) this.schedule();
  }

  note(key, before, reading) {
    if (before && before.value !== reading.value) this.changed.add(key);
  }

  of(subject, id, kpi) {
    return this.readings.get(`${subject}/${id}/${kpi}`);
  }
}

function keyOf(reading) {
  return reading.rep === undefined ? `team/${reading.team}/${reading.kpi}` : `rep/${reading.rep}/${reading.kpi}`;
}
