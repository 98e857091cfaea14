// The parts of the page, and what it says of itself.

import * as api from "./api.js";
import { WORDS } from "./words.js";

const LANGUAGE = "danqing.language";
let language = sessionStorage.getItem(LANGUAGE) ?? (navigator.language.startsWith("zh") ? "zh" : "en");

export const $ = (id) => document.getElementById(id);
export const on = (id, what, then) => $(id).addEventListener(what, then);

export function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export function say(word, values = {}) {
  const text = WORDS[word][language === "zh" ? 1 : 0];
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function sayAll() {
  document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";
  for (const one of document.querySelectorAll("[data-say]")) one.textContent = say(one.dataset.say);
  for (const name of ["aria-label", "title", "placeholder", "alt"]) {
    for (const one of document.querySelectorAll(`[data-say-${name}]`)) {
      one.setAttribute(name, say(one.getAttribute(`data-say-${name}`)));
    }
  }
  $("language").textContent = say("other language");
  $("language").lang = language === "zh" ? "en" : "zh-Hans";
}

export function sayInTheOther() {
  language = language === "zh" ? "en" : "zh";
  sessionStorage.setItem(LANGUAGE, language);
  sayAll();
}

/** Let those hear it who do not see it. */
export const announce = (text) => { $("status").textContent = text; };

let turnedAway = () => {};

/** What is done where the server does not know the key. */
export const whenTurnedAway = (then) => { turnedAway = then; };

/** Do something with the server; what goes wrong is said. */
export async function attempt(what) {
  try {
    $("trouble").hidden = true;
    return await what();
  } catch (error) {
    if (error instanceof api.Refused && error.status === 401) return turnedAway();
    const known = error instanceof api.Refused || !(error instanceof TypeError);
    $("trouble").textContent = known ? error.message : say("no server");
    $("trouble").hidden = false;
    return undefined;
  }
}

export async function save(path, name) {
  const blob = await (await api.call(path)).blob();
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
