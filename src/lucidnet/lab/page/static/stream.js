// Where frames come from: the server, which the page asks for the next once the last is painted; or a record.

import { decode } from "./frame.js";
import { byId } from "./numbers.js";

/**
 * @typedef {{ config: () => Promise<any>, control: (asked: any) => Promise<any>, wish: () => void,
 *   follow: (paint: Paint, state: (words: string) => void, units: () => boolean) => void }} Source
 * @typedef {(frame: import("./frame.js").Frame, shown: () => void) => Promise<void>} Paint
 */

const later = (/** @type {number} */ ms) => new Promise((go) => setTimeout(go, ms));

/** How long to wait between frames: few where nobody looks, or where somebody wants little to move. */
function pause() {
  if (document.hidden) return 1000;
  return matchMedia("(prefers-reduced-motion: reduce)").matches ? 500 : 0;
}

/** A training on the server. @param {string} token @returns {Source} */
export function served(token) {
  const headers = { "X-Lucidnet-Token": token };
  const config = async () => {
    const answer = await fetch("api/config", { headers });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  };
  /** @type {Promise<any>} */ let last = Promise.resolve(); // one after the other: they may overtake each other on their way
  const control = (/** @type {any} */ asked) => {
    const done = last.then(() => send(asked));
    last = done.catch(() => {});
    return done;
  };
  const send = async (/** @type {any} */ asked) => {
    const answer = await fetch("api/control", { method: "POST", headers, body: JSON.stringify(asked) }).catch(() => {
      throw new Error("The server does not answer; what was asked may not have been done.");
    });
    if (answer.ok) return answer.json();
    const words = await answer.text();
    throw new Error(words.startsWith("{") ? JSON.parse(words).error : words);
  };
  const next = (/** @type {number} */ since, /** @type {boolean} */ units) => {
    const asked = fetch(`api/frame?since=${since}${units ? "&units=1" : ""}`, { headers });
    asked.catch(() => {}); // whoever waits for it hears of it
    return asked;
  };
  const follow = async (/** @type {Paint} */ paint, /** @type {any} */ state, /** @type {() => boolean} */ units) => {
    let since = 0;
    /** @type {Promise<Response>|null} */ let coming = null;
    for (;;) {
      try {
        const answer = await (coming ?? next(since, units()));
        coming = null;
        if (answer.status === 200) {
          const frame = decode(await answer.arrayBuffer());
          since = frame.header.number;
          await paint(frame, () => {
            if (!pause()) coming = next(since, units()); // one is made while this is painted, and never more
          });
          state("Connected");
        } else if (answer.status === 204) state("Connected");
        else if (answer.status === 503) throw new Error("it has ended");
        else {
          state(answer.status === 401 ? "Not allowed: open the whole address that was printed" : `Error ${answer.status}`);
          await later(2000);
        }
      } catch (error) {
        state("Connection lost, trying again");
        since = 0;
        coming = null;
        await later(700);
      }
      await later(pause());
    }
  };
  return { config, control, follow, wish: () => void next(0, true) };
}

/** A training that was recorded into this page. @param {{ config: any, frames: string[] }} record @returns {Source} */
export function recorded(record) {
  let at = 0, running = false, asked = 0;
  let rouse = () => {};
  const wake = () => {
    asked += 1;
    rouse();
  };
  const last = record.frames.length - 1, slider = byId("position");
  slider.max = last;
  slider.addEventListener("input", () => {
    at = Number(slider.value);
    running = false;
    wake();
  });
  const unpack = async (/** @type {number} */ i) => {
    const packed = Uint8Array.from(atob(record.frames[i]), (sign) => sign.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const frame = decode(await new Response(stream).arrayBuffer());
    Object.assign(frame.header, { running, over: false }); // of the replay, not of the training
    return frame;
  };
  const control = async (/** @type {any} */ what) => {
    if (what.do === "play") {
      running = true;
      if (at === last) at = 0;
    } else running = false;
    if (what.do === "step") at = Math.min(last, at + 1);
    if (what.do === "restart") at = 0;
    if (what.do === "back") at = Math.max(0, at - 1);
    wake();
    return {};
  };
  const follow = async (/** @type {Paint} */ paint, /** @type {any} */ state) => {
    for (;;) {
      const heard = asked;
      slider.value = String(at);
      await paint(await unpack(at), () => {});
      state(`Recorded, frame ${at + 1} of ${last + 1}`);
      if (asked !== heard) continue;
      const waiting = new Promise((go) => (rouse = () => go(true)));
      if (running && at < last) {
        if (!(await Promise.race([waiting, later(Math.max(120, pause()))]))) at += 1;
      } else if (running) running = false;
      else await waiting;
    }
  };
  return { config: async () => record.config, control, follow, wish: () => {} };
}
