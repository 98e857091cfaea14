// The studio's page: the conversation on one side, its pictures on the other.

import * as api from "./api.js";
import * as brush from "./brush.js";
import { $, announce, attempt, make, on, save, say, sayAll, sayInTheOther, whenTurnedAway } from "./dom.js";
import { compare, cut, showPictures } from "./pictures.js";
import {
  after, baseOf, deleteSession, here, now, ready, refresh, remembered, show, showSessions, stand,
  takeIn, turnTo,
} from "./session.js";
import { aside, busy, cancel, draw, viewOf, watch } from "./talk.js";

const ACT = 80; // characters; what is longer is no "undo"

// -- the request

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

function said() {
  $("words").value = "";
  grow();
}

/** What is chosen beside the words. */
function choices() {
  const [seed, size] = [$("seed").value, $("measure").value];
  return {
    ...(seed && { seed: Number(seed) }),
    ...(size && { size: size.split("x").map(Number) }),
  };
}

async function request() {
  const words = $("words").value.trim();
  if (!words || busy() || !$("seed").reportValidity()) return;
  await attempt(async () => {
    const session = await ready(), marked = brush.marks();
    if (!marked && now.state.turns.length && words.length <= ACT) {
      const done = await api.post(`sessions/${session}/acts`, { words });
      if (done.said !== null) {
        said();
        show(done.state);
        aside(words, done.said, done.pictures);
        return announce(done.said);
      }
    }
    const mask = marked && (await api.send(`sessions/${session}/masks`, await brush.mask()));
    const asked = { request: words, ...choices(), ...mask };
    const view = viewOf(await api.post(`sessions/${session}/turns`, asked));
    said();
    brush.clear();
    showPictures();
    attempt(() => watch(view));
    await showSessions();
  });
}

on("ask", "submit", (event) => { event.preventDefault(); request(); });
on("words", "input", grow);
on("words", "keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  request();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.isComposing || $("sure").open) return;
  if (brush.putDown()) return;
  if (!$("choices").open) return cancel();
  $("choices").open = false;
  $("choices").firstElementChild.focus();
});
on("cancel", "click", () => { cancel(); $("words").focus(); });

// -- the picture

on("undo", "click", () => stand(baseOf(here())));
on("redo", "click", () => stand(after().handle));
on("compare", "click", () => compare());
on("slider", "input", cut);
on("refer", "click", () => type(`${now.state.head} `));
on("again", "click", () => {
  $("seed").value = $("again").value;
  $("choices").open = true;
  $("seed").focus();
});
const file = () => `sessions/${now.session}/pictures/${now.state.head}`;
on("download", "click", () => attempt(() => save(`${file()}?metadata=true`, `${now.state.head}.png`)));
on("bare", "click", () => attempt(() => save(file(), `${now.state.head}.png`)));
on("recipe", "click", () =>
  attempt(() => save(`sessions/${now.session}/recipe`, `recipe-${now.session}.yaml`)));

// -- what is brought

for (const [button, input] of [["open", "file"], ["run", "yaml"]]) {
  on(button, "click", () => $(input).click());
  on(input, "change", () => {
    if ($(input).files.length) takeIn($(input).files[0]);
    $(input).value = "";
  });
}
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

// -- sessions and languages

on("begin", "click", () => attempt(async () => { await turnTo(null); $("words").focus(); }));
on("session", "change", () => attempt(() => turnTo($("session").value || null)));
on("delete", "click", () => {
  $("which").textContent = $("session").selectedOptions[0].textContent;
  $("sure").returnValue = "";
  $("sure").showModal();
});
on("sure", "close", () => {
  if ($("sure").returnValue === "delete") attempt(deleteSession);
});
function showExamples() {
  $("examples").replaceChildren(...say("examples").split("|").map((text) =>
    make("li", {}, make("button", { type: "button", onclick: () => type(text) }, text))));
}
on("language", "click", () => {
  sayInTheOther();
  showExamples();
  for (const view of now.views.values()) draw(view);
  if (!$("studio").hidden) attempt(async () => { showPictures(); await showSessions(); });
});
document.addEventListener("visibilitychange", () => {
  const away = document.hidden || now.session === null || $("studio").hidden;
  if (!away && !busy()) attempt(refresh);
});

// -- the door

function askKey(why = "") {
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
  enter(now.session);
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
  const id = isSession ? told : remembered();
  now.session = id;
  return api.hasKey() ? enter(id) : askKey();
}

whenTurnedAway(() => askKey(say("wrong key")));
window.addEventListener("hashchange", arrive);
sayAll();
showExamples();
arrive();
