// Talks to the API: conditional reads, and the stream with its reconnects.

let tags = new Map();
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

// The answer's JSON, or null if it is what we were told last time.
export async function read(path) {
  const asked = tags;
  const known = asked.get(path);
  const answer = await fetch(path, { headers: known ? { "If-None-Match": known } : {}, cache: "no-store" });
  if (answer.status === 304) return null;
  if (!answer.ok) throw new Refused(answer.status, await explain(answer));
  asked.set(path, answer.headers.get("ETag"));
  return answer.json();
}

// Answers still under way are forgotten too.
export function forget() {
  tags = new Map();
}

export async function send(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Refused(answer.status, await explain(answer));
  return answer.status === 204 ? null : answer.json();
}

async function explain(answer) {
  const problem = await answer.json().catch(() => null);
  return problem?.detail ?? problem?.title ?? `the server answered ${answer.status}`;
}

// The browser sends Last-Event-ID by itself while it reconnects; when it gives up we start anew, with growing waits.
export class Stream {
  constructor(handlers) {
    this.handlers = handlers;
    this.wait = FIRST_WAIT_MS;
    this.interrupted = false;
  }

  open(path) {
    this.close();
    this.path = path;
    const source = new EventSource(path);
    this.source = source;
    source.addEventListener("open", () => this.opened());
    source.addEventListener("error", () => this.failed(source));
    for (const name of ["reading", "alert", "status"]) {
      source.addEventListener(name, (event) => {
        this.handlers.alive();
        this.handlers[name](JSON.parse(event.data));
      });
    }
  }

  opened() {
    this.wait = FIRST_WAIT_MS;
    this.handlers.connected(this.interrupted);
    this.interrupted = false;
  }

  failed(source) {
    this.interrupted = true;
    this.handlers.disconnected();
    if (source.readyState !== EventSource.CLOSED) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(this.path), this.wait * (0.5 + Math.random()));
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
  }
}
