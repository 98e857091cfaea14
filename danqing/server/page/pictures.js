// The pictures: the one that the conversation stands at, the one before, and how all came about.

import * as api from "./api.js";
import * as brush from "./brush.js";
import { $, make, say } from "./dom.js";
import { after, here, nodes, now, stand } from "./session.js";
import { busy } from "./talk.js";

let comparing = false;

const named = (node) => (now.views.get(node.turn)?.own ? say("own") : node.request);
const parentOf = (node) => (node && nodes().get(node.parent)) ?? null;

function shown(handle, side, alt) {
  const image = make("img", { alt });
  api.picture(now.session, handle, side).then((url) => { image.src = url; }, () => {});
  return image;
}

/** A picture to go to. */
export function thumb(handle, side, name) {
  const go = () => stand(handle);
  return make("button", { type: "button", className: "thumb", title: name, onclick: go },
    shown(handle, side, name));
}

export async function showPreview(image) {
  const preview = $("preview");
  preview.src = image;
  preview.hidden = false;
  await preview.decode().catch(() => {});
  if (here() === null && preview.naturalWidth) shape(preview.naturalWidth, preview.naturalHeight);
}

function shape(width, height) {
  $("frame").style.setProperty("--w", width);
  $("frame").style.setProperty("--h", height);
}

export function showPictures() {
  const node = here(), before = parentOf(node), running = Boolean(busy());
  const focused = document.activeElement;
  comparing &&= before !== null;
  if (running || node === null) brush.leave();
  $("welcome").hidden = now.state.turns.length > 0 || now.views.size > 0;
  document.body.classList.toggle("blank", !now.state.pictures.length && !running);
  $("undo").disabled = node === null;
  $("redo").disabled = after() === undefined;
  for (const id of ["download", "bare", "recipe"]) $(id).disabled = node === null;
  $("mask").disabled = node === null || running;
  $("compare").disabled = before === null;
  $("compare").setAttribute("aria-pressed", `${comparing}`);
  $("refer").textContent = node?.handle ?? "";
  $("refer").hidden = node === null;
  $("caption").textContent = $("caption").title = node ? named(node) : "";
  $("size").textContent = node ? `${node.width} × ${node.height}` : "";
  const seed = node && now.views.get(node.turn)?.seed;
  $("again").hidden = seed === null || seed === undefined;
  $("again").textContent = say("seed of", { seed });
  $("again").value = seed ?? "";
  showWhere();
  $("cancel").hidden = !running;
  $("send").hidden = running;
  if (focused === $("send") && running) $("cancel").focus();
  if (focused === $("cancel") && !running) $("send").focus();
  if (focused.disabled) $("words").focus();
  if (!running) $("preview").hidden = true;
  $("none").hidden = node !== null || running;
  shape(node?.width ?? 4, node?.height ?? 3);
  showLineage();
  const [current, old] = [[$("here"), node], [$("there"), comparing ? before : null]];
  for (const [image, of] of [current, old]) {
    image.hidden = of === null;
    if (of === null) continue;
    image.alt = `${of.handle}: ${named(of)}`;
    api.picture(now.session, of.handle).then((url) => {
      if (image.alt.startsWith(`${of.handle}:`)) image.src = url;
    }, () => {});
  }
  $("slider").hidden = !comparing;
  $("frame").dataset.before = comparing ? before.handle : "";
  $("frame").dataset.now = comparing ? node.handle : "";
  cut();
}

/** What the next request is about. */
export function showWhere() {
  const { head } = now.state;
  const word = brush.marks() ? "from marked" : "from";
  $("from").textContent = head ? say(word, { handle: head }) : "";
}

export const cut = () => $("frame").style.setProperty("--cut", `${$("slider").value}%`);

/** Show the picture before over the one that is there, or no more. */
export function compare(wanted = !comparing) {
  if (comparing === wanted) return;
  comparing = wanted;
  if (comparing) brush.leave();
  showPictures();
  if (comparing) $("slider").focus();
}

function showLineage() {
  const all = nodes();
  const below = (parent) =>
    now.state.pictures.filter((node) => (all.has(node.parent) ? node.parent : null) === parent);
  const branch = (parent) => make("ul", {}, ...below(parent).map((node) => {
    const go = thumb(node.handle, 192, named(node));
    go.append(make("span", {}, node.handle));
    if (node.handle === now.state.head) go.setAttribute("aria-current", "true");
    const item = make("li", {}, go);
    if (below(node.handle).length) item.append(branch(node.handle));
    return item;
  }));
  const focused = $("lineage").contains(document.activeElement);
  $("lineage").replaceChildren(...(now.state.pictures.length ? [branch(null)] : []));
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
