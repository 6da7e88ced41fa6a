// What the page asks of the server, and the queue of changes on their way to it.

const RETRY = [500, 1000, 2000, 5000]; // ms; then every 5 s

export class Unreachable extends Error {}

export class Refused extends Error {}

export class Server {
  constructor(secret) {
    this.secret = secret;
    this.page = crypto.randomUUID ? crypto.randomUUID() : String(Math.random());
  }

  // The status and the answer. Throws where there is no answer, or a refusal other than 409.
  async call(path, options = {}) {
    let response;
    let answer = {};
    try {
      response = await fetch(`api/${path}`, {
        ...options,
        headers: { "X-Annotate-Secret": this.secret, ...(options.headers || {}) },
      });
      answer = await response.json();
    } catch {
      if (!response) throw new Unreachable("The server cannot be reached.");
      answer = { error: `The server answered ${response.status}.` };
    }
    if (response.status === 422) throw new Refused(answer.error);
    if (!response.ok && response.status !== 409) throw new Error(answer.error);
    return { status: response.status, answer };
  }

  async get(path) {
    return (await this.call(path)).answer;
  }

  open(number) {
    return this.get(`documents/${number}?page=${this.page}`);
  }

  next(number) {
    return this.get(`next?after=${number ?? ""}&page=${this.page}`);
  }

  put(number, body) {
    return this.call(`documents/${number}`, {
      method: "PUT", body: JSON.stringify(body), headers: { "Content-Type": "application/json" },
    });
  }
}

// Saves documents one change after another; a change made while another is on its way waits and
// goes with all that came after it. What failed is tried again; only what no document can hold is
// given up.
export class Saver {
  // `told` has waiting(count), saved(doc, answer), stale(doc, newer), refused(doc, error) and
  // fault(error).
  constructor(server, told) {
    Object.assign(this, { server, told });
    this.dirty = new Set();
    this.busy = new Set();
    this.pauses = new Set();
  }

  // Try again now what failed.
  hurry() {
    for (const resume of this.pauses) resume();
  }

  get waiting() {
    return new Set([...this.dirty, ...this.busy]).size;
  }

  holds(doc) {
    return this.dirty.has(doc) || this.busy.has(doc);
  }

  save(doc) {
    this.dirty.add(doc);
    this.told.waiting(this.waiting);
    if (!this.busy.has(doc)) this.#run(doc);
  }

  async #run(doc) {
    this.busy.add(doc);
    let failures = 0;
    while (this.dirty.has(doc)) {
      this.dirty.delete(doc);
      const work = doc.work;
      try {
        const body = { revision: doc.revision, ...doc.toServer(work) };
        const { status, answer } = await this.server.put(doc.number, body);
        failures = 0;
        if (status === 409) {
          this.dirty.delete(doc);
          this.told.stale(doc, answer.document);
        } else {
          doc.revision = answer.revision;
          doc.saved = work;
          this.told.saved(doc, answer);
        }
      } catch (error) {
        if (error instanceof Refused) {
          this.dirty.delete(doc);
          this.told.refused(doc, error);
          continue;
        }
        this.dirty.add(doc);
        this.told.fault(error);
        const wait = error instanceof Unreachable ? RETRY[Math.min(failures++, RETRY.length - 1)] : 5000;
        let resume;
        await new Promise((resolve) => {
          resume = resolve;
          this.pauses.add(resolve);
          setTimeout(resolve, wait);
        });
        this.pauses.delete(resume);
      }
    }
    this.busy.delete(doc);
    this.told.waiting(this.waiting);
  }
}
