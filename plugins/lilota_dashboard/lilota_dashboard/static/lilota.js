// What a page does besides being read: it stays up to date, counts ages, and can be used from the keyboard.
// All of it works without: links, forms and pages are whole as the server sends them.
"use strict";

const base = document.body.dataset.base;
const byId = (id) => document.getElementById(id);

// ---- Ages: the clock of the browser may be wrong, so the page says what time it was at the server.
const ahead = new Date(document.querySelector('meta[name="lilota-now"]').content) - Date.now();
const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

function age(instant) {
  const seconds = (Date.now() + ahead - new Date(instant)) / 1000;
  const size = Math.abs(seconds);
  if (!(size >= 1)) return "just now";
  const [each, unit] = units.find(([each]) => size >= each);
  const text = `${Math.floor(size / each)} ${unit}`;
  return seconds > 0 ? `${text} ago` : `in ${text}`;
}

function countAges() {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[title]")) {
    const text = age(time.dateTime);
    if (time.textContent !== text) time.textContent = text;
  }
}
setInterval(countAges, 1000);

// ---- Times of a log are those of who reads it.
const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
function setClocks(root) {
  for (const time of root.querySelectorAll("time[data-clock]")) {
    time.textContent = clock.format(new Date(time.dateTime));
    time.removeAttribute("data-clock");
  }
}
setClocks(document);

// ---- Light and dark
byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("lilota-theme", root.dataset.theme);
});

// ---- The stream: only while the page is seen.
let source = null;
let retry = null;
let stopped = false;

function say(kind, text) {
  const live = byId("live");
  live.className = `live ${kind}`;
  if (live.textContent !== text) live.textContent = text;
}

function trouble(text) {
  const note = byId("trouble");
  note.textContent = text;
  note.hidden = !text;
}

const isMarked = (target) => {
  const selection = getSelection();
  return selection.type === "Range" && target.contains(selection.anchorNode);
};

const waiting = new Map();

// Put new HTML in the place of the old: what is open stays open, the focus stays, and what somebody is about to copy.
function put(target, html) {
  if (isMarked(target)) return waiting.set(target, html);
  const folds = new Map([...target.querySelectorAll("details[id]")].map((each) => [each.id, each.open]));
  const scrolled = new Map([...target.querySelectorAll("pre, .scroll")].map((each, i) => [i, [each.scrollTop, each.scrollLeft]]));
  const focused = target.contains(document.activeElement) ? [...target.querySelectorAll("a, button, summary, [tabindex]")].indexOf(document.activeElement) : -1;
  const at = currentRow()?.dataset.href;
  htmx.swap(target, html, { swapStyle: "innerHTML" });
  for (const each of target.querySelectorAll("details[id]")) if (folds.has(each.id)) each.open = folds.get(each.id);
  [...target.querySelectorAll("pre, .scroll")].forEach((each, i) => scrolled.has(i) && each.scrollTo(...scrolled.get(i).reverse()));
  if (focused >= 0) [...target.querySelectorAll("a, button, summary, [tabindex]")][focused]?.focus({ preventScroll: true });
  if (at) mark(rows().find((row) => row.dataset.href === at));
  countAges();
}

document.addEventListener("selectionchange", () => {
  for (const [target, html] of waiting) if (!isMarked(target)) { waiting.delete(target); put(target, html); }
});

function addLines(target, html) {
  const box = byId("log-box");
  const template = document.createElement("template");
  template.innerHTML = html;
  setClocks(template.content);
  target.append(template.content);
  if (byId("no-lines")) byId("no-lines").remove();
  while (target.children.length > 2000) target.firstElementChild.remove();
  if (byId("follow").checked) box.scrollTop = box.scrollHeight;
}

let refresh = null;
function refreshLater() {
  // A list has a filter of its own: it is asked for again, at a modest pace, and only its first page.
  const results = byId(document.body.dataset.refresh);
  if (refresh || !results || !results.dataset.first) return;
  refresh = setTimeout(() => {
    refresh = null;
    const list = byId(document.body.dataset.refresh);
    if (document.hidden || isMarked(list)) return;
    let at = null, isFocused = false; // as it is when the answer has come: somebody may move on meanwhile
    list.addEventListener("htmx:beforeSwap", () => {
      at = currentRow()?.dataset.href;
      isFocused = Boolean(currentRow()?.contains(document.activeElement));
    }, { once: true });
    htmx.ajax("GET", location.pathname + location.search, { target: "#results", select: "#results", swap: "outerHTML" })
      .then(() => {
        if (at) mark(rows().find((row) => row.dataset.href === at));
        if (isFocused) focusRow();
        countAges();
      });
  }, 3000);
}

const handlers = {
  part(data) {
    trouble("");
    if (document.body.dataset.refresh) refreshLater();
    else if (byId(data.target)) put(byId(data.target), data.html);
  },
  lines(data) { addLines(byId(data.target), data.html); },
  trouble(data) { trouble(`${data.text} The page goes on when the store is back.`); say("off", "store away"); },
  end() { stopped = true; close("", ""); },
};

function close(kind, text) {
  if (source) source.close();
  source = null;
  clearTimeout(retry);
  say(kind, text);
}

let seen = null;
function open() {
  if (stopped || source || document.hidden || !document.body.dataset.stream) return;
  const url = new URL(document.body.dataset.stream, location.href);
  if (seen !== null) url.searchParams.set("after", seen);
  source = new EventSource(url);
  source.onopen = () => say("on", "live");
  source.onerror = () => {
    const ended = source.readyState === EventSource.CLOSED;
    say("off", "reconnecting");
    if (ended) { close("off", "reconnecting"); retry = setTimeout(comeBack, 3000); }
  };
  for (const [kind, handle] of Object.entries(handlers)) {
    source.addEventListener(kind, (event) => {
      if (event.lastEventId) seen = event.lastEventId;
      if (kind !== "trouble") say("on", "live");
      handle(JSON.parse(event.data));
    });
  }
}

// The server refused the stream: after a restart it may have another token, and then the page asks for it.
async function comeBack() {
  try {
    const answer = await fetch(location.href, { method: "HEAD", cache: "no-store" });
    if (answer.status === 401) return location.reload();
  } catch { /* it is not back yet */ }
  open();
}

document.addEventListener("visibilitychange", () => (document.hidden ? close("", "") : open()));
addEventListener("pagehide", () => close("", ""));
addEventListener("pageshow", open);
open();

// ---- The log of a task
if (byId("log-box")) {
  const box = byId("log-box");
  byId("wrap").addEventListener("change", (event) => box.classList.toggle("wrap", event.target.checked));
  box.addEventListener("scroll", () => {
    const below = box.scrollHeight - box.scrollTop - box.clientHeight;
    if (below > 40) byId("follow").checked = false;
  });
  if (document.body.dataset.stream) box.scrollTop = box.scrollHeight;
}

// ---- Many tasks are dealt with in steps: the next one begins as soon as this page says how far it is.
byId("go-on")?.requestSubmit();

// ---- Rows: a click anywhere opens one, and so do j, k and Enter.
const rows = () => [...document.querySelectorAll("tr[data-href]")];
const currentRow = () => document.querySelector("tr.at");

function mark(row) {
  currentRow()?.classList.remove("at");
  if (!row) return;
  row.classList.add("at");
  row.scrollIntoView({ block: "nearest" });
}

function focusRow() {
  currentRow()?.querySelector("a")?.focus({ preventScroll: true });
}

function move(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(currentRow());
  mark(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, at + by))]);
  focusRow();
}

document.addEventListener("click", (event) => {
  const row = event.target.closest("tr[data-href]");
  if (!row || event.target.closest("a, button, summary, input") || getSelection().type === "Range") return;
  if (event.metaKey || event.ctrlKey) window.open(row.dataset.href, "_blank", "noopener");
  else location.href = row.dataset.href;
});

// ---- The palette
const pages = [["Overview", "/"], ["Tasks", "/tasks"], ["Failed tasks", "/tasks?state=failed"], ["Running tasks", "/tasks?state=running"], ["Names", "/names"], ["Plugins", "/plugins"], ["Store", "/store"]];
const MOST_SHOWN = 12;
let names = [];
let isCut = false;
let chosen = 0;

async function openPalette() {
  byId("palette").showModal();
  byId("palette-text").value = "";
  offer();
  try {
    const answer = await fetch(`${base}/palette`, { cache: "no-store" });
    if (answer.ok) ({ names, is_cut: isCut } = await answer.json());
  } catch { return; /* pages and ids are there without it */ }
  offer();
}

function matches(text) {
  const lower = text.toLowerCase();
  const found = [];
  if (/^#?\d{1,19}$/.test(text)) found.push([`Task ${text.replace("#", "")}`, "task", `${base}/tasks/${text.replace("#", "")}`]);
  for (const [name, path] of pages) if (name.toLowerCase().includes(lower)) found.push([name, "page", base + path]);
  for (const each of names) if (text && each.text.toLowerCase().includes(lower)) found.push([each.text, "name", each.url]);
  const shown = found.slice(0, MOST_SHOWN);
  const more = found.length - shown.length;
  if (more) shown.push([`${isCut ? "more than " : ""}${more.toLocaleString("en")} more: type on, or see all names`, "page", `${base}/names`]);
  if (text) shown.push([`Tasks with “${text}”`, "search", `${base}/tasks?q=${encodeURIComponent(text)}`]);
  return shown;
}

function offer() {
  chosen = 0;
  const list = byId("palette-list");
  list.replaceChildren(...matches(byId("palette-text").value.trim()).map(([text, kind, url], i) => {
    const item = document.createElement("li");
    const note = document.createElement("span");
    item.textContent = text;
    item.id = `palette-${i}`;
    item.setAttribute("role", "option");
    item.dataset.url = url;
    note.className = "dim";
    note.textContent = kind;
    item.append(note);
    return item;
  }));
  choose(0);
}

function choose(index) {
  const items = [...byId("palette-list").children];
  if (!items.length) return;
  chosen = (index + items.length) % items.length;
  items.forEach((item, i) => item.setAttribute("aria-selected", String(i === chosen)));
  items[chosen].scrollIntoView({ block: "nearest" });
  byId("palette-text").setAttribute("aria-activedescendant", items[chosen].id);
}

byId("open-palette").addEventListener("click", openPalette);
byId("palette-text").addEventListener("input", offer);
byId("palette-text").addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") choose(chosen + 1);
  else if (event.key === "ArrowUp") choose(chosen - 1);
  else if (event.key === "Enter") location.href = byId("palette-list").children[chosen].dataset.url;
  else return;
  event.preventDefault();
});
byId("palette-list").addEventListener("click", (event) => {
  const item = event.target.closest("li");
  if (item) location.href = item.dataset.url;
});
for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

// ---- Keys
const keys = {
  "/": () => byId("open-palette").hidden || openPalette(),
  "?": () => byId("help").showModal(),
  j: () => move(1),
  k: () => move(-1),
  n: () => byId("next-page")?.click(),
  p: () => byId("first-page") && history.back(),
  f: () => byId("filter-q")?.focus(),
};
const places = { o: "/", t: "/tasks", n: "/names", p: "/plugins", s: "/store" };
let going = 0;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && event.target.closest("input, textarea")) return event.target.blur();
  if (event.target.closest("input, textarea, select")) return;
  if (Date.now() - going < 1200 && places[event.key]) location.href = base + places[event.key];
  else if (event.key === "g") going = Date.now();
  else if (event.key === "Enter" && currentRow() && event.target.closest("tr") === currentRow() && !event.target.closest("a")) location.href = currentRow().dataset.href;
  else if (keys[event.key]) keys[event.key]();
  else return;
  if (event.key !== "Enter") event.preventDefault();
});

// ---- The token stands behind the # of the address: it goes into a form, and out of the address.
if ("login" in document.body.dataset) {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    history.replaceState(null, "", location.pathname + location.search);
    const body = new URLSearchParams({ token });
    fetch(`${base}/login`, { method: "POST", body, redirect: "manual" }).then(
      (answer) => (answer.type === "opaqueredirect" ? location.reload() : byId("token").focus()),
    );
  } else if (document.referrer === "" && !sessionStorage.getItem("lilota-asked")) {
    // Whoever came by a link from elsewhere has shown no cookie (SameSite=Strict); from here, the browser shows it.
    sessionStorage.setItem("lilota-asked", "yes");
    fetch(location.href, { method: "HEAD" }).then((answer) => answer.ok && location.reload());
  }
} else sessionStorage.removeItem("lilota-asked");
