// What the board knows, and the paint that follows a change: several changes within 100 ms are one paint.

const PAINT_MS = 100;

export class Store {
  constructor(paint) {
    this.paint = paint;
    this.pending = 0;
    this.catalogue = null;
    this.status = null;
    this.readings = new Map();
    this.trends = new Map();
    this.alerts = new Map();
    this.changed = new Set();
    this.asOf = null;
    this.watermark = null;
    this.connected = null;
    this.lastSeen = null;
    this.loaded = false;
    this.problem = null;
  }

  schedule() {
    if (this.pending) return;
    this.pending = setTimeout(() => {
      this.pending = 0;
      requestAnimationFrame(() => {
        this.paint();
        this.changed.clear();
      });
    }, PAINT_MS);
  }

  set(values) {
    Object.assign(this, values);
    this.schedule();
  }

  takeAll(envelope) {
    const before = this.readings;
    this.readings = new Map(envelope.readings.map((reading) => [keyOf(reading), reading]));
    for (const [key, reading] of this.readings) this.note(key, before.get(key), reading);
    this.set({ asOf: envelope.as_of, watermark: envelope.watermark, loaded: true, problem: null });
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

  takeAlert(alert) {
    this.alerts.set(alert.id, alert);
    this.schedule();
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
