// The brush: marks the part of the picture that a request is about, by mouse, pen, touch or keys.

import { $, announce, on, say } from "./dom.js";
import { compare, showWhere } from "./pictures.js";
import { here } from "./session.js";

const STEP = 0.02; // of the shorter side, how far an arrow key goes
let strokes = []; // { erase, size, points }, all in pixels of the picture
let stroke = null; // the one that is being made
let picture = null; // the handle of the picture that they are on
let at = null; // where the keys' brush is
let erasing = false;

export const of = () => picture;
export const marks = () => strokes.some((one) => !one.erase);
const open = () => !$("brushes").hidden;

export function clear() {
  strokes = [];
  stroke = picture = at = null;
  paint();
}

export function leave() {
  $("brushes").hidden = true;
  $("mask").setAttribute("aria-pressed", "false");
  document.body.classList.remove("masking");
  paint();
}

export function enter() {
  const node = here();
  compare(false);
  if (picture !== node.handle) clear();
  picture = node.handle;
  [$("canvas").width, $("canvas").height] = [node.width, node.height];
  $("brushes").hidden = false;
  $("mask").setAttribute("aria-pressed", "true");
  document.body.classList.add("masking");
  paint();
  $("canvas").focus();
  announce(say("mask keys"));
}

/** Leave the brush, if it is in hand. */
export function putDown() {
  if ($("brushes").hidden) return false;
  leave();
  $("mask").focus();
  return true;
}

/** The mask as a PNG of the picture's size: white is what is marked. */
export function mask() {
  const { width, height } = $("canvas");
  const drawn = layer(width, height, "#fff");
  const pen = drawn.getContext("2d");
  pen.globalCompositeOperation = "destination-over";
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, width, height);
  return new Promise((done) => { drawn.toBlob(done, "image/png"); });
}

function layer(width, height, color) {
  const drawn = Object.assign(document.createElement("canvas"), { width, height });
  const pen = drawn.getContext("2d");
  pen.lineCap = pen.lineJoin = "round";
  pen.strokeStyle = color;
  for (const { erase, size, points } of stroke ? [...strokes, stroke] : strokes) {
    pen.globalCompositeOperation = erase ? "destination-out" : "source-over";
    pen.lineWidth = size;
    pen.beginPath();
    pen.moveTo(...points[0]);
    for (const point of points) pen.lineTo(...point);
    pen.stroke();
  }
  return drawn;
}

function paint() {
  const canvas = $("canvas"), pen = canvas.getContext("2d");
  canvas.hidden = picture === null || !(open() || marks());
  canvas.tabIndex = $("brushes").hidden ? -1 : 0;
  $("back").disabled = $("wipe").disabled = strokes.length === 0;
  for (const [id, pressed] of [["paint", !erasing], ["erase", erasing]]) {
    $(id).setAttribute("aria-pressed", `${pressed}`);
  }
  showWhere();
  if (canvas.hidden) return;
  const { width, height } = canvas;
  pen.clearRect(0, 0, width, height);
  const color = getComputedStyle(canvas).color;
  pen.drawImage(layer(width, height, color), 0, 0);
  if (at === null || document.activeElement !== canvas) return;
  for (const [shade, wide] of [["#000", 3], ["#fff", 1]]) { // where the keys' brush is
    pen.strokeStyle = shade;
    pen.lineWidth = wide * Math.max(1, width / 512);
    pen.beginPath();
    pen.arc(...at, brushSize() / 2, 0, 2 * Math.PI);
    pen.stroke();
  }
}

const brushSize = () => ($("width").value / 100) * Math.min($("canvas").width, $("canvas").height);

function begin(point) {
  stroke = { erase: erasing, size: brushSize(), points: [point] };
}

function finish() {
  if (stroke) strokes.push(stroke);
  stroke = null;
  paint();
}

function undo() {
  strokes.pop();
  paint();
  announce(say(marks() ? "stroke undone" : "nothing marked"));
}

function erase(wanted) {
  erasing = wanted;
  paint();
  announce(say(erasing ? "erase" : "paint"));
}

function pointOf(event) {
  const box = $("canvas").getBoundingClientRect();
  const part = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  return [part[0] * $("canvas").width, part[1] * $("canvas").height];
}

/** The keys' brush goes some way; with Shift it paints as it goes. */
function go(aside, down, painting) {
  const { width, height } = $("canvas"), step = STEP * Math.min(width, height);
  const from = at ?? [width / 2, height / 2];
  const within = (place, most) => Math.min(most, Math.max(0, place));
  at = at === null && !painting
    ? from : [within(from[0] + aside * step, width), within(from[1] + down * step, height)];
  if (painting) {
    begin(from);
    stroke.points.push(at);
    finish();
  }
  paint();
  const [x, y] = [Math.round((100 * at[0]) / width), Math.round((100 * at[1]) / height)];
  announce(say(painting ? "painted at" : "brush at", { x, y }));
}

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function press(event) {
  if (event.key in KEYS) go(...KEYS[event.key], event.shiftKey);
  else if (event.key === " " || event.key === "Enter") go(0, 0, true);
  else if (event.key === "Backspace" || ((event.ctrlKey || event.metaKey) && event.key === "z")) undo();
  else if (event.key === "e") erase(!erasing);
  else if (event.key === "[" || event.key === "]") {
    $("width").value = Number($("width").value) + (event.key === "]" ? 2 : -2);
    paint();
  } else return;
  event.preventDefault();
}

on("mask", "click", () => (open() ? leave() : enter()));
on("finish", "click", () => { leave(); $("words").focus(); });
on("paint", "click", () => erase(false));
on("erase", "click", () => erase(true));
on("back", "click", undo);
on("wipe", "click", () => {
  strokes = [];
  paint();
  announce(say("nothing marked"));
  $("canvas").focus();
});
on("width", "input", paint);
on("canvas", "keydown", press);
on("canvas", "focus", paint);
on("canvas", "blur", paint);
on("canvas", "pointerdown", (event) => {
  if (!open() || event.button !== 0) return;
  event.preventDefault();
  $("canvas").focus();
  $("canvas").setPointerCapture(event.pointerId);
  at = null;
  begin(pointOf(event));
  paint();
});
on("canvas", "pointermove", (event) => {
  if (!stroke || !$("canvas").hasPointerCapture(event.pointerId)) return;
  stroke.points.push(...(event.getCoalescedEvents?.() ?? [event]).map(pointOf));
  paint();
});
on("canvas", "pointerup", finish);
on("canvas", "pointercancel", finish);
