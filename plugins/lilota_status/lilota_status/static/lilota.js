/* <lilota-task ref="..."> and <lilota-tasks>: tasks of lilota on any page, live. MIT licence. */
(() => {
"use strict";
const script = document.currentScript ?? document.querySelector('script[src*="lilota.js"]');
const lilota = (globalThis.lilota ??= {});
const MOST_LINES = 500, MOST_REFS = 100, PAGE = 20, ENDED = ["succeeded", "failed", "cancelled"];
const TIMES = [["second", 1e3], ["minute", 6e4], ["hour", 36e5], ["day", 864e5]];
const SIZES = [["byte", 1], ["kilobyte", 1e3], ["megabyte", 1e6], ["gigabyte", 1e9]];
const TEXTS = {
  waiting: "Waiting", running: "Running", succeeded: "Done", failed: "Failed", cancelled: "Cancelled",
  cancel_requested: "Is being cancelled", gone: "There is no such task any more.", none: "No tasks yet.",
  step: "step {step} of {of}", left: "about {time} left", before: "about {before} before it", took: "took {time}",
  starts: "starts in about {time}", logs: "Log", result: "Result", cancel: "Cancel", more: "More",
  trouble: "No connection. Trying again…", refused: "That did not work: {error}",
};
const sheet = new CSSStyleSheet();
const styled = fetch(new URL("lilota.css", script.src)).then(async (answer) => sheet.replace(await answer.text()));
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Write a text where it is another one, and hide its place while there is none. */
function put(node, text) {
  text ||= "";
  if (node.textContent !== text) node.textContent = text;
  node.hidden = !text;
  return text;
}

async function ask(url, options) {
  const answer = await fetch(url, {headers: {Accept: "application/json"}, ...options});
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(Error(body.error ?? answer.status), {status: answer.status});
  return body;
}

/** One stream, or one long poll after the other, for the elements of a page that ask the same mount. */
class Line {
  static all = [];

  static join(one) {
    let line = Line.all.find(({base, ones}) => base === one.base && ones.size < MOST_REFS);
    if (!line) Line.all.push((line = new Line(one.base)));
    line.ones.add(one);
    line.restart();
    return line;
  }

  ones = new Set();
  failures = 0;

  constructor(base) {
    this.base = base;
    // Nobody looks at a hidden page. It hears what it missed when it is shown again.
    document.addEventListener("visibilitychange", () => this.restart());
  }

  /** Ask anew, a moment later: elements come and go in groups. */
  restart() {
    this.stop?.abort();
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.run((this.stop = new AbortController()).signal), 20);
  }

  async run(signal) {
    while (!signal.aborted && !document.hidden && this.refs("wants")) {
      try {
        await (this.polls ? this.poll(signal) : this.stream(signal));
      } catch (error) {
        if (signal.aborted) return;
        this.polls = false;
        // No answer, once: the usual end of a stream, or of a page that is being left.
        if (this.failures++ || error.status) this.trouble("trouble", error);
        await pause(Math.min(60, 2 ** this.failures) * (250 + 250 * Math.random()));
      }
    }
  }

  refs(which) {
    return [...new Set([...this.ones].filter((one) => one.wants && one[which]).map((one) => one.ref))].join();
  }

  url() {
    const query = new URLSearchParams({refs: this.refs("wants"), logs: this.refs("reads")}).toString();
    // A cursor belongs to the question to which it was the answer.
    if (query !== this.query) this.cursor = "";
    this.query = query;
    return `${this.base}events?${query}&after=${this.cursor}`;
  }

  async stream(signal) {
    const source = new EventSource(this.url());
    let timer;
    await new Promise((resolve, reject) => {
      const poll = () => resolve((this.polls = true));
      // Some proxies hold back what has not ended.
      timer = setTimeout(poll, 5000);
      signal.onabort = resolve;
      for (const kind of ["ready", "task", "gone", "trouble", "done"]) {
        source.addEventListener(kind, ({data, lastEventId}) => {
          clearTimeout(timer);
          this.take(kind, JSON.parse(data), lastEventId);
          if (kind === "done") resolve();
        });
      }
      // Refused and not cut: where a stream would hold a thread, the server wants to be polled.
      source.onerror = () => (source.readyState === source.CLOSED ? poll() : reject(source));
    }).finally(() => source.close(clearTimeout(timer)));
  }

  async poll(signal) {
    // After a failure, an answer is wanted, whether there is news or not.
    const {events, after, done, again_in} = await ask(`${this.url()}&wait=${this.failures ? 0 : 25}`, {signal});
    this.take("ready", {}, after);
    for (const {event, data} of events) this.take(event, data, after);
    if (done) this.take("done", {}, after);
    await pause(500 + 1000 * again_in);
  }

  take(kind, data, cursor) {
    Object.assign(this, {failures: 0, cursor});
    this.trouble(kind === "trouble" && kind, data);
    for (const one of this.ones) {
      if (one.ref === data.ref) one.take(kind, data);
      if (kind === "done" && one.ended) one.wants = false;
    }
  }

  trouble(key, error) {
    for (const one of this.ones) one.trouble(key, error);
  }
}

class Base extends HTMLElement {
  $ = {};

  /** Return an attribute of this element, or of one around it. */
  attribute(name) {
    return this.closest(`[${name}]`)?.getAttribute(name);
  }

  get base() {
    return new URL((this.attribute("base") ?? ".").replace(/\/*$/, "/"), script.src).href;
  }

  get texts() {
    return {...TEXTS, ...lilota.texts, ...JSON.parse(this.attribute("texts") ?? "{}")};
  }

  say(key, values) {
    return key && this.texts[key].replace(/{(\w+)}/g, (_, name) => values[name]);
  }

  /** Return a number with its unit, in the language of the texts: times roughly, sizes as the pages without a script do. */
  amount(value, units, least = 1.5) {
    const [unit, size] = units.findLast((one) => value >= least * one[1]) ?? units[0];
    return (value / size).toLocaleString(this.texts.waiting === TEXTS.waiting ? "en" : this.attribute("lang"), {
      style: "unit", unit, unitDisplay: least > 1 || size < 2 ? "long" : "short", maximumFractionDigits: least > 1 ? 0 : 2
    });
  }

  make(tag, name, properties, ...children) {
    const node = Object.assign(document.createElement(tag), {className: name}, properties);
    node.part = node.className;
    node.append(...children);
    return (this.$[name] = node);
  }

  draw(...children) {
    const root = this.shadowRoot ?? this.attachShadow({mode: "open"});
    root.adoptedStyleSheets = [sheet];
    root.replaceChildren(...children);
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(`lilota-${name}`, {detail, bubbles: true, composed: true}));
  }

  trouble(key, error) {
    put(this.$.trouble, this.say(key, error));
    if (key) this.tell("trouble", error);
  }
}

class Task extends Base {
  static observedAttributes = ["ref", "base"];

  get ref() {
    return this.getAttribute("ref");
  }

  connectedCallback() {
    // An element that is moved keeps what it has.
    if (!this.task) this.build();
    styled.finally(() => this.isConnected && this.ref && (this.line = Line.join(this)));
    this.clock = setInterval(() => this.task && this.render(), 5000);
  }

  disconnectedCallback() {
    clearInterval(this.clock);
    this.line?.ones.delete(this);
    this.line?.restart();
  }

  attributeChangedCallback(_, old) {
    if (old === null || !this.isConnected) return;
    this.task = null;
    this.disconnectedCallback();
    this.connectedCallback();
  }

  build() {
    const make = this.make.bind(this), hidden = true, button = {className: "button", hidden};
    this.draw(make("div", "task", {},
      make("div", "row", {}, make("span", "title"), make("span", "state")),
      make("div", "bar", {role: "progressbar", hidden}, make("div", "fill")),
      make("div", "row", {}, make("span", "message"), make("span", "details")),
      make("div", "error"),
      make("ul", "files"),
      make("div", "row", {}, make("a", "result", button),
        make("button", "logs", {...button, onclick: () => this.open()}),
        make("button", "cancel", {...button, onclick: () => this.cancel()})),
      make("div", "log", {role: "region", tabIndex: 0, hidden}),
      make("div", "trouble"),
      make("div", "live", {role: "status"})));
    Object.assign(this, {task: null, ended: false, wants: true, reads: false, lines: 0, quarter: 0, spoken: 0});
  }

  take(kind, task) {
    if (kind === "gone") {
      this.wants = false;
      return put(this.$.state, this.say(kind));
    }
    const before = this.task, ended = ENDED.includes(task.state), ends = ended && !this.ended;
    // The answer to a cancellation may come after the end that it has led to.
    if (this.ended && !ended) return;
    Object.assign(this, {task, ended});
    // The clock of the server counts.
    this.ahead = Date.parse(task.now) - Date.now();
    this.render();
    if (before) this.announce(before.state !== task.state);
    if (task.lines) this.write(task.lines);
    this.tell("change", task);
    if (!ends) return;
    this.wants = this.reads;
    this.tell("end", task);
  }

  render() {
    const {$, task} = this, {state, percentage, files} = task, known = percentage !== null;
    $.task.className = `task ${state}`;
    for (const name of ["title", "message", "error"]) put($[name], task[name]);
    const word = put($.state, this.say(task.cancel_requested && !this.ended ? "cancel_requested" : state));
    const details = put($.details, this.details(task));
    Object.assign($.bar, {
      className: known ? "bar" : "bar unknown", hidden: state !== "running",
      ariaLabel: task.title, ariaValueText: details || word, ariaValueNow: percentage?.toFixed(),
    });
    $.fill.style.width = known ? `${percentage}%` : "";
    for (const action of ["result", "logs", "cancel"]) put($[action], task.actions.includes(action) && this.say(action));
    $.result.href = task.links.result;
    if (files.length !== $.files.childElementCount) $.files.replaceChildren(...files.map((file) => this.file(file)));
  }

  details({state, percentage, step, of, before, starts_at, started_at, finish_at, finished_at}) {
    const time = (key, span) => span > 500 && this.say(key, {time: this.amount(span, TIMES)});
    const until = (instant) => Date.parse(instant) - Date.now() - this.ahead;
    const parts = {
      waiting: [before && this.say("before", {before}), time("starts", until(starts_at))],
      running: [percentage && `${Math.floor(percentage)}%`, of && this.say("step", {step, of}), time("left", until(finish_at))],
    // What has ended at once has taken up to a second.
    }[state] ?? [time("took", Math.max(1000, until(finished_at) - until(started_at)))];
    return parts.filter(Boolean).join(" · ");
  }

  file({name, size, url}) {
    return this.make("li", "row", {},
      this.make("a", "file", {href: url, download: ""}, name),
      this.make("span", "size", {}, this.amount(+size.toPrecision(3), SIZES, 1)));
  }

  /** Say to who does not see the page what happens: each change of state, and now and then how far it is. */
  announce(isNewState) {
    const {state, details} = this.$, {title, percentage} = this.task;
    const quarter = Math.floor(percentage / 25), now = Date.now();
    if (!isNewState && (quarter <= this.quarter || now < this.spoken + 10000)) return;
    Object.assign(this, {quarter, spoken: now});
    this.$.live.textContent = `${title}: ${(isNewState ? state : details).textContent}`;
  }

  async cancel() {
    this.$.cancel.disabled = true;
    try {
      this.take("task", await ask(this.task.links.cancel, {method: "POST"}));
    } catch ({message}) {
      this.trouble("refused", {error: message});
    }
    this.$.cancel.disabled = false;
  }

  open() {
    this.reads = !this.$.log.toggleAttribute("hidden");
    this.$.logs.ariaExpanded = this.reads;
    this.wants ||= this.reads;
    this.line.restart();
  }

  write(lines) {
    const {log} = this.$, follows = log.scrollTop + log.clientHeight > log.scrollHeight - 20;
    for (const {number, text, level} of lines.filter((one) => one.number > this.lines)) {
      const line = this.make("div", "line", {}, text || " ");
      line.dataset.level = level;
      log.append(line);
      this.lines = number;
    }
    while (log.childElementCount > MOST_LINES) log.firstChild.remove();
    if (follows) log.scrollTop = log.scrollHeight;
  }
}

class Tasks extends Base {
  connectedCallback() {
    const more = {className: "button", hidden: true, onclick: () => this.refresh((this.most += PAGE))};
    this.draw(this.make("slot", "tasks"), this.make("p", "none"), this.make("button", "more", more), this.make("p", "trouble"));
    this.most = PAGE;
    this.refresh();
  }

  /** Look for the tasks anew. A page calls this after it has added one. */
  async refresh() {
    try {
      const refs = this.attribute("refs")?.split(/[\s,]+/).filter(Boolean);
      const tasks = refs ? [...new Set(refs)].map((ref) => ({ref})) : await this.mine();
      this.arrange(tasks.map((task) => this.element(task)));
      put(this.$.none, !tasks.length && this.say("none"));
      tasks.forEach((task, place) => task.state && this.children[place].take("task", task));
      this.trouble();
    } catch ({message}) {
      this.trouble("refused", {error: message});
    }
  }

  /** Return the element that a task has, as its log may be open; one that has ended and runs again gets a new one. */
  element({ref, key, state}) {
    // A list has another reference of the same task each time.
    const own = [...this.children].find((one) => one.ref === ref || (key && one.task?.key === key));
    if (own && !(own.ended && state && !ENDED.includes(state))) return own;
    const task = document.createElement("lilota-task");
    task.setAttribute("ref", ref);
    return task;
  }

  /** Show these; what stays in its place is not touched, as it would lose the focus. */
  arrange(ones) {
    for (const child of [...this.children]) if (!ones.includes(child)) child.remove();
    ones.forEach((one, place) => this.children[place] === one || this.insertBefore(one, this.children[place] ?? null));
  }

  async mine() {
    const tasks = [], query = new URLSearchParams({limit: PAGE, state: this.attribute("state") ?? ""});
    let next;
    do {
      const page = await ask(`${this.base}mine?${query}`);
      tasks.push(...page.tasks);
      query.set("after", (next = page.next));
    } while (next && tasks.length < this.most);
    put(this.$.more, next && this.say("more"));
    return tasks;
  }
}

customElements.define("lilota-task", Task);
customElements.define("lilota-tasks", Tasks);
})();
