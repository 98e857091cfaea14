// The studio's page: the conversation on one side, its pictures on the other.

import * as api from "./api.js";
import { asked } from "./claims.js";
import { WORDS } from "./words.js";

const MARKS = { met: "✓", unmet: "✗", unsure: "?", unseen: "–", awaited: "·" };
const SESSION = "danqing.session", LANGUAGE = "danqing.language";
const $ = (id) => document.getElementById(id);

let language = sessionStorage.getItem(LANGUAGE) ?? (navigator.language.startsWith("zh") ? "zh" : "en");
let session = null; // its id, once anything was said
let state = { head: null, pictures: [], turns: [] };
let views = new Map(); // turn → what is shown of it
let comparing = false;
let leaving = new AbortController(); // ends what watches the session that is left

// -- words

function say(word, values = {}) {
  const text = WORDS[word][language === "zh" ? 1 : 0];
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function sayAll() {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  for (const one of document.querySelectorAll("[data-say]")) one.textContent = say(one.dataset.say);
  for (const name of ["aria-label", "title", "placeholder", "alt"]) {
    for (const one of document.querySelectorAll(`[data-say-${name}]`)) {
      one.setAttribute(name, say(one.getAttribute(`data-say-${name}`)));
    }
  }
  $("language").textContent = say("other language");
  $("language").lang = language === "zh" ? "en" : "zh-Hans";
  $("examples").replaceChildren(...say("examples").split("|").map((text) =>
    make("li", {}, make("button", { type: "button", onclick: () => type(text) }, text))));
}

const announce = (text) => { $("status").textContent = text; };

// -- the page's parts

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function shown(session, handle, side, alt) {
  const image = make("img", { alt });
  api.picture(session, handle, side).then((url) => { image.src = url; }, () => {});
  return image;
}

function type(text) {
  const box = $("words");
  box.setRangeText(text, box.selectionStart, box.selectionEnd, "end");
  grow();
  box.focus();
}

function grow() {
  $("words").style.height = "auto";
  $("words").style.height = `${$("words").scrollHeight + 2}px`;
}

/** Do something with the server; what goes wrong is said. */
async function attempt(what) {
  try {
    $("trouble").hidden = true;
    return await what();
  } catch (error) {
    if (error instanceof api.Refused && error.status === 401) return ask_key(say("wrong key"));
    const known = error instanceof api.Refused || !(error instanceof TypeError);
    $("trouble").textContent = known ? error.message : say("no server");
    $("trouble").hidden = false;
    return undefined;
  }
}

// -- a turn

const claims_of = (view) => view.brief?.claims ?? [];
const busy = () => [...views.values()].find((view) => !api.ENDED.has(view.state));

function viewOf(turn) {
  const view = {
    turn: turn.turn, request: turn.request, state: turn.state, brief: null, verdict: {}, reply: "",
    handle: null, own: false, work: turn.state === "queued" ? "queued" : "understanding", round: 0,
    note: "", trouble: "", element: make("li", { className: "turn" }),
  };
  if (turn.document) end(view, turn.state, turn.document);
  views.set(view.turn, view);
  $("log").append(view.element);
  draw(view);
  return view;
}

function end(view, how, document, error = "") {
  view.state = how;
  view.brief = document.brief;
  view.verdict = document.verdict;
  view.reply = document.reply;
  view.handle = document.picture?.handle ?? null;
  view.own = document.steps[0]?.tool === "upload";
  view.trouble = how === "done" ? "" : error || say(how);
  if (view.trouble && view.reply.includes(view.trouble)) view.trouble = "";
}

function draw(view) {
  const ended = api.ENDED.has(view.state);
  const request = view.own ? say("own") : view.request;
  view.element.className = `turn ${view.state}${view.own ? " own" : ""}`;
  view.bar = make("progress", { max: 1 });
  view.bar.setAttribute("aria-hidden", "true");
  view.line = make("span");
  const parts = [make("p", { className: "request" }, request)];
  if (!ended) parts.push(make("div", { className: "work" }, view.line, view.bar));
  if (claims_of(view).length) parts.push(table(view));
  const reply = make("div", { className: "reply" });
  if (view.handle) {
    const name = `${view.handle}: ${request}`;
    const go = make("button", { type: "button", className: "thumb", onclick: () => stand(view.handle) },
      shown(session, view.handle, 256, name));
    reply.append(go);
  }
  if (view.reply) reply.append(make("p", {}, view.reply));
  for (const text of [view.note, view.trouble].filter(Boolean)) {
    reply.append(make("p", { className: "soft" }, text));
  }
  if (reply.childNodes.length) parts.push(reply);
  const low = $("paper").scrollHeight - $("paper").scrollTop - $("paper").clientHeight < 120;
  view.element.replaceChildren(...parts);
  tell(view);
  if (low || !ended) $("paper").scrollTop = $("paper").scrollHeight;
}

/** The line that says what is being done. */
function tell(view) {
  const word = say(view.work);
  view.line.textContent = view.round > 1 ? say("round", { word, n: view.round }) : word;
}

function table(view) {
  const head = make("tr", {}, ...["mark", "claim", "evidence"].map((name) =>
    make("th", { scope: "col" }, say(name))));
  const rows = claims_of(view).map((claim) => {
    const found = view.verdict[claim.id];
    const status = found?.status ?? "awaited";
    const mark = make("td", { className: status, title: say(status) },
      make("span", { ariaHidden: "true" }, MARKS[status]),
      make("span", { className: "unseen" }, say(status)));
    return make("tr", {}, mark, make("th", { scope: "row" }, asked(claim, view.brief.language)),
      make("td", {}, found?.evidence ?? ""));
  });
  return make("table", {}, make("caption", { className: "unseen" }, say("claims")),
    make("thead", { className: "unseen" }, head), make("tbody", {}, ...rows));
}

function hear(view, event, data) {
  if (view.state === "queued") view.state = "running";
  switch (event) {
    case "phase":
      view.work = data.name;
      view.round = Number(/\d+$/.exec(data.note)?.[0] ?? 0);
      view.bar.removeAttribute("value");
      if ($("status").textContent !== say(view.work)) announce(say(view.work));
      break;
    case "working":
      view.bar.max = data.total;
      view.bar.value = data.done;
      break;
    case "preview":
      $("preview").src = data.image;
      $("preview").hidden = false;
      break;
    case "understood":
      view.brief = data.brief;
      draw(view);
      break;
    case "judged":
      if (data.best) view.verdict = data.verdict;
      draw(view);
      break;
    case "saying":
      view.reply += data.text;
      draw(view);
      break;
    case "took over":
      view.note = say("took over", data);
      draw(view);
      break;
    default:
      end(view, event, data.turn, [data.error, data.hint].filter(Boolean).join(" "));
      draw(view);
      announce(view.reply || view.trouble);
  }
  tell(view);
}

async function watch(view) {
  const { signal } = leaving;
  const lost = () => { view.line.textContent = say("lost"); };
  for await (const { event, data } of api.events(view.turn, { signal, lost })) {
    if (signal.aborted) return;
    hear(view, event, data);
  }
  if (!signal.aborted) await refresh();
}

// -- the session

function show(now) {
  state = now;
  for (const turn of state.turns) {
    const view = views.get(turn.turn);
    if (view === undefined) {
      const made = viewOf(turn);
      if (!turn.document) attempt(() => watch(made));
    } else if (turn.document && !api.ENDED.has(view.state)) {
      end(view, turn.state, turn.document);
      draw(view);
    }
  }
  showPictures();
}

async function refresh() {
  const { signal } = leaving;
  const now = await api.get(`sessions/${session}`);
  if (!signal.aborted) show(now);
}

/** Turn to a session; null is one in which nothing was said. */
async function turnTo(id) {
  leaving.abort();
  leaving = new AbortController();
  const now = id === null ? { head: null, pictures: [], turns: [] } : await api.get(`sessions/${id}`);
  api.forget();
  views = new Map();
  $("log").replaceChildren();
  comparing = false;
  keep(id);
  show(now);
  $("paper").scrollTop = $("paper").scrollHeight;
  await showSessions();
}

function keep(id) {
  session = id;
  if (id === null) sessionStorage.removeItem(SESSION);
  else sessionStorage.setItem(SESSION, id);
  history.replaceState(null, "", id === null ? location.pathname : `#${id}`);
}

async function ready() {
  if (session === null) {
    keep((await api.post("sessions")).session);
    await showSessions();
  }
  return session;
}

const shortened = (title) => (title.length > 40 ? `${title.slice(0, 39)}…` : title);

async function showSessions() {
  const found = await api.get("sessions?limit=50");
  const options = found.map(({ session: id, title }) => new Option(shortened(title) || say("own"), id));
  if (!found.some(({ session: id }) => id === session)) {
    options.unshift(new Option(say("new conversation"), session ?? ""));
  }
  $("session").replaceChildren(...options);
  $("session").value = session ?? "";
}

// -- the pictures

const nodes = () => new Map(state.pictures.map((node) => [node.handle, node]));
const here = () => nodes().get(state.head) ?? null;
const named = (node) => (views.get(node.turn)?.own ? say("own") : node.request);
const base_of = (node) => (nodes().has(node.base) ? node.base : null);
const parent_of = (node) => (node && nodes().get(node.parent)) ?? null;
const after = () => state.pictures.filter((node) => base_of(node) === (here()?.handle ?? null)).at(-1);

async function showPictures() {
  const node = here(), before = parent_of(node);
  comparing &&= before !== null;
  $("welcome").hidden = state.turns.length > 0 || views.size > 0;
  document.body.classList.toggle("blank", !state.pictures.length && !busy());
  $("undo").disabled = node === null;
  $("redo").disabled = after() === undefined;
  for (const id of ["download", "bare", "recipe"]) $(id).disabled = node === null;
  $("compare").disabled = before === null;
  $("compare").setAttribute("aria-pressed", `${comparing}`);
  $("refer").textContent = node?.handle ?? "";
  $("refer").hidden = node === null;
  $("caption").textContent = node ? named(node) : "";
  $("size").textContent = node ? `${node.width} × ${node.height}` : "";
  $("from").textContent = node ? say("from", { handle: node.handle }) : "";
  const running = busy();
  $("cancel").hidden = !running;
  $("send").hidden = Boolean(running);
  if (!running) $("preview").hidden = true;
  $("none").hidden = node !== null || Boolean(running);
  $("frame").style.setProperty("--w", node?.width ?? 4);
  $("frame").style.setProperty("--h", node?.height ?? 3);
  showLineage();
  const [now, then] = [[$("here"), node], [$("there"), comparing ? before : null]];
  for (const [image, of] of [now, then]) {
    image.hidden = of === null;
    if (of === null) continue;
    image.alt = `${of.handle}: ${named(of)}`;
    api.picture(session, of.handle).then((url) => {
      if (image.alt.startsWith(`${of.handle}:`)) image.src = url;
    }, () => {});
  }
  $("slider").hidden = !comparing;
  $("frame").dataset.before = comparing ? before.handle : "";
  $("frame").dataset.now = comparing ? node.handle : "";
  cut();
}

const cut = () => $("frame").style.setProperty("--cut", `${$("slider").value}%`);

function showLineage() {
  const all = nodes();
  const below = (parent) => state.pictures.filter((node) => (all.has(node.parent) ? node.parent : null) === parent);
  const branch = (parent) => make("ul", {}, ...below(parent).map((node) => {
    const go = make("button", { type: "button", className: "thumb", onclick: () => stand(node.handle) },
      shown(session, node.handle, 192, named(node)), make("span", {}, node.handle));
    go.title = named(node);
    if (node.handle === state.head) go.setAttribute("aria-current", "true");
    const item = make("li", {}, go);
    if (below(node.handle).length) item.append(branch(node.handle));
    return item;
  }));
  const focused = $("lineage").contains(document.activeElement);
  $("lineage").replaceChildren(...(state.pictures.length ? [branch(null)] : []));
  const current = $("lineage").querySelector("[aria-current]");
  if (!current) return;
  if (focused) current.focus({ preventScroll: true });
  const [inner, outer] = [current, $("lineage")].map((one) => one.getBoundingClientRect());
  const over = (low, high) => Math.min(0, low - 10) + Math.max(0, high + 10);
  $("lineage").scrollBy(
    over(inner.left - outer.left, inner.right - outer.right),
    over(inner.top - outer.top, inner.bottom - outer.bottom),
  );
}

function stand(handle) {
  return attempt(async () => {
    if (handle === state.head) return;
    show(await api.post(`sessions/${session}/stand`, { picture: handle }));
    announce(handle === null ? say("before all") : say("standing", { handle }));
  });
}

function takeIn(file) {
  return attempt(async () => {
    show(await api.send(`sessions/${await ready()}/pictures`, file));
    $("words").focus();
  });
}

async function save(path, name) {
  const blob = await (await api.call(path)).blob();
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

// -- what the person does

async function request() {
  const words = $("words").value.trim();
  if (!words || busy()) return;
  await attempt(async () => {
    const turn = await api.post(`sessions/${await ready()}/turns`, { request: words });
    $("words").value = "";
    grow();
    const view = viewOf(turn);
    showPictures();
    attempt(() => watch(view));
    await showSessions();
  });
}

function cancel() {
  const view = busy();
  if (!view) return;
  attempt(async () => {
    await api.post(`turns/${view.turn}/cancel`);
    if (api.ENDED.has(view.state)) return;
    view.work = "stopping";
    view.round = 0;
    tell(view);
    announce(say("stopping"));
  });
}

const on = (id, what, then) => $(id).addEventListener(what, then);
on("ask", "submit", (event) => { event.preventDefault(); request(); });
on("words", "input", grow);
on("words", "keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  request();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.isComposing) cancel();
});
on("cancel", "click", cancel);
on("undo", "click", () => stand(base_of(here())));
on("redo", "click", () => stand(after().handle));
on("compare", "click", () => {
  comparing = !comparing;
  showPictures();
  if (comparing) $("slider").focus();
});
on("slider", "input", cut);
on("refer", "click", () => type(`${state.head} `));
const file = () => `sessions/${session}/pictures/${state.head}`;
on("download", "click", () => attempt(() => save(`${file()}?metadata=true`, `${state.head}.png`)));
on("bare", "click", () => attempt(() => save(file(), `${state.head}.png`)));
on("recipe", "click", () => attempt(() => save(`sessions/${session}/recipe`, `recipe-${session}.yaml`)));
on("open", "click", () => $("file").click());
on("file", "change", () => {
  if ($("file").files.length) takeIn($("file").files[0]);
  $("file").value = "";
});
on("begin", "click", () => attempt(async () => { await turnTo(null); $("words").focus(); }));
on("session", "change", () => attempt(() => turnTo($("session").value || null)));
on("language", "click", () => {
  language = language === "zh" ? "en" : "zh";
  sessionStorage.setItem(LANGUAGE, language);
  sayAll();
  for (const view of views.values()) draw(view);
  if (!$("studio").hidden) attempt(async () => { showPictures(); await showSessions(); });
});
document.addEventListener("paste", (event) => {
  const [first] = event.clipboardData.files;
  if (!first || $("studio").hidden) return;
  event.preventDefault();
  takeIn(first);
});
for (const [what, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  document.addEventListener(what, (event) => {
    if ($("studio").hidden) return;
    event.preventDefault();
    document.body.classList.toggle("dragging", over);
    if (what === "drop" && event.dataTransfer.files.length) takeIn(event.dataTransfer.files[0]);
  });
}
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && session !== null && !$("studio").hidden && !busy()) attempt(refresh);
});

// -- the door

function ask_key(why = "") {
  api.dropKey();
  $("studio").hidden = $("sessions").hidden = true;
  $("door").hidden = false;
  $("refused").textContent = why;
  $("key").focus();
}

on("door", "submit", (event) => {
  event.preventDefault();
  api.keepKey($("key").value.trim());
  $("key").value = "";
  enter(session);
});

function enter(id) {
  return attempt(async () => {
    await api.get("sessions?limit=1");
    $("door").hidden = true;
    $("studio").hidden = $("sessions").hidden = false;
    try {
      await turnTo(id);
    } catch (error) {
      if (!(error instanceof api.Refused) || error.status !== 404) throw error;
      await turnTo(null);
    }
    $("words").focus();
  });
}

/** Take the key or the session from the address, and the key out of it. */
function arrive() {
  const told = decodeURIComponent(location.hash.slice(1));
  const isSession = /^[0-9a-f]{8}$/.test(told);
  if (told && !isSession) {
    api.keepKey(told);
    history.replaceState(null, "", location.pathname);
  }
  const id = isSession ? told : sessionStorage.getItem(SESSION);
  session = id;
  return api.hasKey() ? enter(id) : ask_key();
}

window.addEventListener("hashchange", arrive);
sayAll();
arrive();
