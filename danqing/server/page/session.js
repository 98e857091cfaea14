// The session: what the server says of it, and moving between sessions and pictures.

import * as api from "./api.js";
import * as brush from "./brush.js";
import { $, announce, attempt, make, say } from "./dom.js";
import { showPictures } from "./pictures.js";
import { busy, draw, end, viewOf, watch } from "./talk.js";

const SESSION = "danqing.session";
const EMPTY = { head: null, pictures: [], turns: [] };

export const now = {
  session: null, // its id, once anything was said
  state: EMPTY,
  views: new Map(), // turn → what is shown of it
  leaving: new AbortController(), // ends what watches the session that is left
};

export const nodes = () => new Map(now.state.pictures.map((node) => [node.handle, node]));
export const here = () => nodes().get(now.state.head) ?? null;
export const baseOf = (node) => (nodes().has(node.base) ? node.base : null);
export const after = () =>
  now.state.pictures.filter((node) => baseOf(node) === (here()?.handle ?? null)).at(-1);
export const remembered = () => sessionStorage.getItem(SESSION);

export function show(state) {
  now.state = state;
  for (const turn of state.turns) {
    const view = now.views.get(turn.turn);
    if (view === undefined) {
      const made = viewOf(turn);
      if (!turn.document) attempt(() => watch(made));
    } else if (turn.document && (!api.ENDED.has(view.state) || view.asked === null)) {
      view.asked = turn.asked;
      end(view, turn.state, turn.document);
      draw(view);
    }
  }
  if (now.state.head !== brush.of()) {
    brush.clear();
    brush.leave();
  }
  showPictures();
}

export async function refresh() {
  const { signal } = now.leaving;
  const state = await api.get(`sessions/${now.session}`);
  if (!signal.aborted) show(state);
}

/** Turn to a session; null is one in which nothing was said. */
export async function turnTo(id) {
  now.leaving.abort();
  now.leaving = new AbortController();
  const state = id === null ? EMPTY : await api.get(`sessions/${id}`);
  api.forget();
  now.views = new Map();
  $("log").replaceChildren();
  keep(id);
  show(state);
  $("paper").scrollTop = $("paper").scrollHeight;
  await showSessions();
}

export function keep(id) {
  now.session = id;
  if (id === null) sessionStorage.removeItem(SESSION);
  else sessionStorage.setItem(SESSION, id);
  history.replaceState(null, "", id === null ? location.pathname : `#${id}`);
}

/** The session, begun if it is not yet. */
export async function ready() {
  if (now.session === null) {
    keep((await api.post("sessions")).session);
    await showSessions();
  }
  return now.session;
}

const shortened = (title) => (title.length > 40 ? `${title.slice(0, 39)}…` : title);

export async function showSessions() {
  const { session } = now;
  const found = await api.get("sessions?limit=50");
  const options = found.map(({ session: id, title }) => make("option", { value: id }, shortened(title) || say("own")));
  if (!found.some(({ session: id }) => id === session)) {
    options.unshift(make("option", { value: session ?? "" }, say("new conversation")));
  }
  $("session").replaceChildren(...options);
  $("session").value = session ?? "";
  $("delete").disabled = session === null;
}

/** Delete the session, with all that was said and drawn in it. */
export async function deleteSession() {
  try {
    await api.remove(`sessions/${now.session}`);
  } catch (error) {
    if (error instanceof api.Refused && error.status === 405) throw new Error(say("cannot delete"));
    throw error;
  }
  await turnTo(null);
  announce(say("deleted"));
  $("words").focus();
}

export function stand(handle) {
  return attempt(async () => {
    if (handle === now.state.head) return;
    show(await api.post(`sessions/${now.session}/stand`, { picture: handle }));
    now.views.get(here()?.turn)?.element.scrollIntoView({ block: "nearest" });
    announce(handle === null ? say("before all") : say("standing", { handle }));
  });
}

/** Take in what a person brings: a picture, or a recipe, which is run. */
export function takeIn(file) {
  return attempt(async () => {
    if (/\.ya?ml$/i.test(file.name) || /yaml/.test(file.type)) {
      if (busy()) return;
      const turn = await api.send(`sessions/${await ready()}/recipe`, file);
      const view = viewOf(turn);
      showPictures();
      attempt(() => watch(view));
      await showSessions();
    } else {
      show(await api.send(`sessions/${await ready()}/pictures`, file));
      await showSessions();
    }
    $("words").focus();
  });
}
