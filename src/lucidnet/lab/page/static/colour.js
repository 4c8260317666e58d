// Colours: all come from the style sheet, which the server writes from the table of the library's pictures.

const STEPS = 512;

/**
 * @typedef {{ lut: Uint8Array, a: string, b: string, ink: string, muted: string, page: string, panel: string,
 *   line: string, missing: number[], classes: string[] }} Palette
 */

/** @type {Palette|null} */
let known = null;

/** The three numbers of a colour such as "#1d64a3". @param {string} hex */
export function channels(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

/** The colours of the page as it is, light or dark. @returns {Palette} */
export function palette() {
  if (known) return known;
  const style = getComputedStyle(document.documentElement);
  const get = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  const stops = Array.from({ length: 9 }, (_, i) => channels(get(`signed-${i}`)));
  const lut = new Uint8Array(3 * (STEPS + 1));
  for (let i = 0; i <= STEPS; i++) {
    const at = (i / STEPS) * 8, left = Math.min(7, Math.floor(at)), share = at - left;
    for (let k = 0; k < 3; k++) lut[3 * i + k] = Math.round(stops[left][k] * (1 - share) + stops[left + 1][k] * share);
  }
  known = {
    lut, a: get("a"), b: get("b"), ink: get("ink"), muted: get("muted"), page: get("page"), panel: get("panel"),
    line: get("line"), missing: channels(get("missing")),
    classes: Array.from({ length: 8 }, (_, i) => get(`class-${i}`)),
  };
  return known;
}

/** Has something done when the page turns light or dark. @param {() => void} repaint */
export function onTheme(repaint) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    known = null;
    repaint();
  });
}

/**
 * Writes the colour of a signed value, -1 to 1, into the pixels of a picture.
 * @param {Uint8ClampedArray} pixels @param {number} place @param {number} value
 */
export function paint(pixels, place, value) {
  const { lut, missing } = palette();
  if (Number.isNaN(value)) {
    pixels.set([...missing, 255], place);
    return;
  }
  const i = 3 * Math.round(((Math.max(-1, Math.min(1, value)) + 1) / 2) * STEPS);
  pixels[place] = lut[i];
  pixels[place + 1] = lut[i + 1];
  pixels[place + 2] = lut[i + 2];
  pixels[place + 3] = 255;
}

/** The colour of a signed value, -1 to 1, for lines and fillings. @param {number} value */
export function shade(value) {
  const pixel = new Uint8ClampedArray(4);
  paint(pixel, 0, value);
  return `rgb(${pixel[0]},${pixel[1]},${pixel[2]})`;
}
