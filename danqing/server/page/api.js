// The studio's API: the key, calls, pictures, and what happens in a turn.

const KEY = "danqing.key";
export const ENDED = new Set(["done", "failed", "cancelled"]);

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const hasKey = () => sessionStorage.getItem(KEY) !== null;
export const keepKey = (key) => sessionStorage.setItem(KEY, key);
export const dropKey = () => sessionStorage.removeItem(KEY);

/** Call the API; the answer, or `Refused` with what the server says. */
export async function call(path, { json, headers = {}, ...how } = {}) {
  const sent = { ...headers, Authorization: `Bearer ${sessionStorage.getItem(KEY)}` };
  if (json !== undefined) {
    sent["Content-Type"] = "application/json";
    how.body = JSON.stringify(json);
  }
  if (how.body !== undefined) how.method ??= "POST";
  const answer = await fetch(`/api/v1/${path}`, { cache: "no-store", ...how, headers: sent });
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  throw new Refused(answer.status, told?.error?.message ?? `${answer.status}`);
}

export const get = async (path) => (await call(path)).json();
export const post = async (path, json = {}) => (await call(path, { json })).json();
export const send = async (path, body) => (await call(path, { body })).json();
export const remove = (path) => call(path, { method: "DELETE" });

const urls = new Map();

/** The address in this browser of a picture, at most `side` pixels wide and high. */
export function picture(session, handle, side = "") {
  const path = `sessions/${session}/pictures/${handle}${side && `?side=${side}`}`;
  if (!urls.has(path)) {
    const url = call(path).then((answer) => answer.blob()).then((blob) => URL.createObjectURL(blob));
    url.catch(() => urls.delete(path));
    urls.set(path, url);
  }
  return urls.get(path);
}

/** Let go of all pictures. */
export function forget() {
  for (const url of urls.values()) url.then(URL.revokeObjectURL, () => {});
  urls.clear();
}

/** What happens in a turn, to its end, each once, over as many connections as it takes.
 *  `lost` is called whenever one breaks. */
export async function* events(turn, { signal, lost }) {
  let last = 0;
  for (let wait = 500; ; wait = Math.min(2 * wait, 8000)) {
    try {
      const headers = last ? { "Last-Event-ID": `${last}` } : {};
      const answer = await call(`turns/${turn}/events`, { headers, signal });
      for await (const told of blocks(answer.body)) {
        wait = 500;
        last = told.id ?? last;
        yield told;
        if (ENDED.has(told.event)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && error.status < 500) throw error;
    }
    if (signal.aborted) return;
    lost();
    await new Promise((done) => setTimeout(done, wait));
  }
}

/** The events in a stream of server-sent ones: id or null, event, data. */
async function* blocks(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const whole = text.split("\n\n");
    text = whole.pop();
    for (const block of whole) {
      const fields = {};
      for (const line of block.split("\n")) {
        const at = line.indexOf(": ");
        if (at > 0) fields[line.slice(0, at)] = line.slice(at + 2);
      }
      if (!fields.event) continue;
      const id = fields.id ? Number(fields.id) : null;
      yield { id, event: fields.event, data: JSON.parse(fields.data) };
    }
  }
}
