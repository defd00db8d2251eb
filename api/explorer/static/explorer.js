// Keeps a page alive: ages and countdowns follow the chain's clock, parts marked data-live are fetched anew after events.
"use strict";

const body = document.body;
const main = document.getElementById("main");
const MIN_REFRESH_MS = 700;
let nowS = Number(main.dataset.now) || 0; // block time of the indexed head, never the wall clock
let refreshTimer = 0;
let lastRefresh = 0;
let headWanted = false;

function span(seconds) {
  seconds = Math.abs(Math.trunc(seconds));
  for (const [unit, name, part, rest] of [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]]) {
    if (seconds >= unit) {
      const more = Math.trunc((seconds % unit) / part);
      return `${Math.trunc(seconds / unit)} ${name}` + (more ? ` ${more} ${rest}` : "");
    }
  }
  return `${seconds} s`;
}

function tick() {
  for (const node of document.querySelectorAll("[data-age]")) {
    const s = Number(node.dataset.age);
    node.textContent = s <= nowS ? `${span(nowS - s)} ago` : `in ${span(s - nowS)}`;
  }
  for (const node of document.querySelectorAll("[data-until]")) {
    const s = Number(node.dataset.until);
    node.textContent = s >= nowS ? `${span(s - nowS)} left` : `${span(nowS - s)} over`;
  }
}

function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

function onHead(status) {
  const pill = document.getElementById("pill");
  pill.classList.toggle("ok", status.state === "following");
  pill.classList.toggle("warn", status.state !== "following");
  pill.title = `Index ${status.state}, ${status.lag_blocks} blocks behind the chain's head`;
  if (!status.indexed) return;
  nowS = status.indexed.timestamp_s;
  document.getElementById("pill-block").textContent = grouped(status.indexed.number);
  for (const node of document.querySelectorAll("[data-head]")) node.textContent = grouped(status.indexed.number);
  for (const node of document.querySelectorAll("[data-lag]")) node.textContent = status.lag_blocks;
  pill.classList.remove("live");
  void pill.offsetWidth; // starts the animation again
  pill.classList.add("live");
  tick();
  if (document.querySelector("[data-live-on=head]")) refresh(true);
}

function refresh(headOnly) {
  headWanted = refreshTimer ? headWanted && headOnly : headOnly;
  if (refreshTimer) return;
  const wait = Math.max(120, lastRefresh + MIN_REFRESH_MS - Date.now());
  refreshTimer = setTimeout(async () => {
    const onlyHead = headWanted;
    refreshTimer = 0;
    lastRefresh = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (answer.ok) replaceLive(new DOMParser().parseFromString(await answer.text(), "text/html"), onlyHead);
    } catch { /* the server is away; the stream reconnects by itself and refreshes then */ }
  }, wait);
}

function replaceLive(next, onlyHead) {
  const open = new Set([...document.querySelectorAll("details[open] > summary")].map((node) => node.textContent));
  let missing = false;
  for (const node of document.querySelectorAll("[data-live]")) {
    if (onlyHead && node.dataset.liveOn !== "head") continue;
    const fresh = next.getElementById(node.id);
    if (!fresh) { missing = true; continue; }
    if (meaning(fresh) === meaning(node)) continue;
    const changed = document.importNode(fresh, true);
    if (node.dataset.liveOn !== "head") changed.classList.add("changed");
    node.replaceWith(changed);
  }
  for (const summary of document.querySelectorAll("details > summary")) if (open.has(summary.textContent)) summary.parentElement.open = true;
  // A part that was not there before (the first bid, a transaction that got mined) needs the whole page.
  const extra = [...next.querySelectorAll("[data-live]")].some((node) => !document.getElementById(node.id));
  if ((missing || extra) && !onlyHead) {
    const fresh = document.importNode(next.getElementById("main"), true);
    // Parts that other scripts hold on to move over as they are.
    for (const kept of document.querySelectorAll("[data-keep]")) fresh.querySelector(`#${kept.id}`)?.replaceWith(kept);
    main.replaceChildren(...fresh.childNodes);
  }
  tick();
}

// Times move by themselves and are no change of the content.
function meaning(node) {
  const copy = node.cloneNode(true);
  copy.classList.remove("changed");
  for (const time of copy.querySelectorAll("time, [data-head], [data-lag]")) time.textContent = "";
  for (const button of copy.querySelectorAll(".copy.done")) button.classList.remove("done");
  return copy.outerHTML.replace(' class=""', "");
}

function notice(text) {
  const node = document.getElementById("notice");
  node.textContent = text;
  node.hidden = false;
}

function listen() {
  const task = body.dataset.task;
  const source = new EventSource(body.dataset.eventsUrl + (task ? `?task=${encodeURIComponent(task)}` : ""));
  let opened = false;
  source.addEventListener("open", () => { if (opened) refresh(false); opened = true; body.dataset.live = "yes"; });
  source.addEventListener("error", () => { body.dataset.live = "no"; });
  source.addEventListener("head", (event) => onHead(JSON.parse(event.data)));
  source.addEventListener("gap", () => refresh(false));
  source.addEventListener("reorg", (event) => {
    notice(`The chain was reorganised from block ${JSON.parse(event.data).from_block} on. This page shows the new chain.`);
    refresh(false);
  });
  for (const name of body.dataset.eventNames.split(" ")) source.addEventListener(name, () => refresh(false));
  addEventListener("pagehide", () => source.close());
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1200);
  } catch {
    notice("Copying is not allowed here; the full value is in the tooltip.");
  }
});

addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
tick();
listen();
