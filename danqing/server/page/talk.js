// The conversation: each turn with its claims, what is done for it, and what came of it.

import * as api from "./api.js";
import { $, announce, attempt, make, say } from "./dom.js";
import { showPreview, thumb } from "./pictures.js";
import { now, refresh } from "./session.js";

const MARKS = { met: "✓", unmet: "✗", unsure: "?", unseen: "–", awaited: "·" };
const WAIT = 1500; // milliseconds between two questions of how many are before a turn

export const busy = () => [...now.views.values()].find((view) => !api.ENDED.has(view.state));

export function viewOf(turn) {
  const view = {
    turn: turn.turn, request: turn.request, state: turn.state, position: turn.position, brief: null,
    asked: null, verdict: {}, reply: "", handle: null, seed: null, own: false, round: 0, note: "",
    work: turn.state === "queued" ? "queued" : "understanding", trouble: "",
    element: make("li", { className: "turn" }),
  };
  if (turn.document) {
    view.asked = turn.asked;
    end(view, turn.state, turn.document);
  }
  now.views.set(view.turn, view);
  $("log").append(view.element);
  draw(view);
  return view;
}

export function end(view, how, document, error = "") {
  view.state = how;
  view.brief = document.brief;
  view.verdict = document.verdict;
  view.reply = document.reply;
  view.handle = document.picture?.handle ?? null;
  view.seed = document.picture?.seed ?? null;
  view.own = document.steps[0]?.tool === "upload" && document.stopped === "answered";
  view.trouble = how === "done" ? "" : error || say(how);
  if (view.trouble && view.reply.includes(view.trouble)) view.trouble = "";
}

export function draw(view) {
  const ended = api.ENDED.has(view.state);
  const request = view.own ? say("own") : view.request;
  view.element.className = `turn ${view.state}${view.own ? " own" : ""}`;
  view.bar = make("progress", { max: 1 });
  view.bar.setAttribute("aria-hidden", "true");
  view.line = make("span");
  const parts = [make("h3", { className: "request" }, request)];
  if (!ended) parts.push(make("div", { className: "work" }, view.line, view.bar));
  if (view.brief?.claims.length) parts.push(table(view));
  const reply = make("div", { className: "reply" });
  if (view.handle) reply.append(thumb(view.handle, 256, `${view.handle}: ${request}`));
  if (view.reply) reply.append(make("p", {}, view.reply));
  for (const text of [view.note, view.trouble].filter(Boolean)) {
    reply.append(make("p", { className: "soft" }, text));
  }
  if (reply.childNodes.length) parts.push(reply);
  put(view.element, parts, !ended);
  tell(view);
}

/** What was said about the conversation itself, and the answer; the ledger keeps neither. */
export function aside(words, said, pictures) {
  const element = make("li", { className: "turn own" });
  const shown = pictures.map((handle) => thumb(handle, 256, handle));
  $("log").append(element);
  put(element, [
    make("h3", { className: "request" }, words),
    make("div", { className: "reply" }, ...shown, make("p", {}, said)),
  ], true);
}

function put(element, parts, follow) {
  const low = $("paper").scrollHeight - $("paper").scrollTop - $("paper").clientHeight < 120;
  element.replaceChildren(...parts);
  if (low || follow) $("paper").scrollTop = $("paper").scrollHeight;
}

/** The line that says what is being done. */
export function tell(view) {
  if (view.work === "queued" && view.position) {
    view.line.textContent = say("in line", { n: view.position });
    return;
  }
  const word = say(view.work);
  view.line.textContent = view.round > 1 ? say("round", { word, n: view.round }) : word;
}

function table(view) {
  const head = make("tr", {}, ...["mark", "claim", "evidence"].map((name) =>
    make("th", { scope: "col" }, say(name))));
  const rows = view.brief.claims.map((claim) => {
    const found = view.verdict[claim.id];
    const status = found?.status ?? "awaited";
    const mark = make("td", { className: `is-${status}`, title: say(status) },
      make("span", { ariaHidden: "true" }, MARKS[status]),
      make("span", { className: "unseen" }, say(status)));
    return make("tr", {}, mark, make("th", { scope: "row" }, view.asked?.[claim.id] ?? ""),
      make("td", {}, found?.evidence ?? ""));
  });
  const shown = make("table", { lang: view.brief.language === "zh" ? "zh-Hans" : "en" },
    make("caption", { className: "unseen" }, say("claims")),
    make("thead", { className: "unseen" }, head), make("tbody", {}, ...rows));
  return shown;
}

function hear(view, event, data) {
  if (view.state === "queued") view.state = "running";
  switch (event) {
    case "phase":
      view.work = data.name;
      view.round = Number(/^round (\d+)$/.exec(data.note)?.[1] ?? 0);
      view.bar.removeAttribute("value");
      if ($("status").textContent !== say(view.work)) announce(say(view.work));
      break;
    case "working":
      view.bar.max = data.total;
      view.bar.value = data.done;
      break;
    case "preview":
      showPreview(data.image);
      break;
    case "understood":
      view.brief = data.brief;
      view.asked = data.asked;
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

export async function watch(view) {
  const { signal } = now.leaving;
  const lost = () => { view.line.textContent = say("lost"); };
  attempt(() => waitInLine(view, signal));
  for await (const { event, data } of api.events(view.turn, { signal, lost })) {
    if (signal.aborted) return;
    hear(view, event, data);
  }
  if (!signal.aborted) await refresh();
}

/** Say how many are before a turn, for as long as any is. */
async function waitInLine(view, signal) {
  while (view.state === "queued" && !signal.aborted) {
    if (view.position) announce(say("in line", { n: view.position }));
    await new Promise((done) => setTimeout(done, WAIT));
    if (view.state !== "queued" || signal.aborted) return;
    const { position } = await api.get(`turns/${view.turn}`);
    if (position === view.position || view.state !== "queued") continue;
    view.position = position;
    tell(view);
  }
}

export function cancel() {
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
