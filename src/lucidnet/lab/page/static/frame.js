// Reads a message of the server: the length of its header, the header as JSON, and raw arrays.

/**
 * An array as it came: its numbers row by row, and its shape.
 * @typedef {{ data: Float32Array|Int16Array|Int8Array|Uint8Array, shape: number[] }} Raw
 * @typedef {{ header: any, arrays: Map<string, Raw> }} Frame
 */

const KINDS = { f4: Float32Array, i2: Int16Array, i1: Int8Array, u1: Uint8Array };

/** @param {ArrayBuffer} buffer @returns {Frame} */
export function decode(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  if (header.version !== 1) throw new Error(`a frame of version ${header.version} cannot be read`);
  const arrays = new Map();
  for (const { name, shape, type, offset } of header.arrays) {
    const count = shape.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1);
    const kind = KINDS[/** @type {"f4"|"i2"|"i1"|"u1"} */ (type)];
    arrays.set(name, { data: new kind(buffer, 4 + length + offset, count), shape });
  }
  return { header, arrays };
}

/** The largest size in an array; what is no number does not count. @param {Raw|undefined} raw */
export function largest(raw) {
  let most = 0;
  for (const v of raw?.data ?? []) if (Math.abs(v) > most) most = Math.abs(v);
  return most;
}
