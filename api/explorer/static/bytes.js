// Hex, 32-byte words and digests. Hex is lower case with 0x, words are BigInt. Pure.
import { keccak256 } from "./keccak.js";

export const FULL = (1n << 256n) - 1n;

export function bytesOf(hex) {
  const digits = hex.slice(2);
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

export const hexOf = (bytes) => "0x" + Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** A whole number as 0x and 64 digits. */
export const wordHex = (value) => "0x" + BigInt(value).toString(16).padStart(64, "0");

export const addressHex = (word) => "0x" + (word & ((1n << 160n) - 1n)).toString(16).padStart(40, "0");

/** Bits `shift`…`shift + size − 1` of a word. */
export const bits = (word, shift, size) => (word >> BigInt(shift)) & ((1n << BigInt(size)) - 1n);

/** keccak-256 of hex or text, as hex. */
export const keccakHex = (hex) => hexOf(keccak256(bytesOf(hex)));
export const keccakText = (text) => hexOf(keccak256(new TextEncoder().encode(text)));

/** Joins words (BigInt, or hex of 32 bytes) into one hex string: static ABI encoding. */
export const packed = (...values) => "0x" + values.map((v) => (typeof v === "bigint" ? wordHex(v) : v).slice(2)).join("");

/** The words of ABI-encoded data; the last one is padded where bytes end early. */
export function wordsOf(data) {
  const digits = data.slice(2);
  return Array.from({ length: Math.ceil(digits.length / 64) }, (_, i) => BigInt("0x" + digits.slice(64 * i, 64 * i + 64).padEnd(64, "0")));
}

/** A dynamic array of words whose offset is the head's word `index`. */
export function arrayAt(words, index) {
  const start = Number(words[index] / 32n);
  return words.slice(start + 1, start + 1 + Number(words[start]));
}

/** Dynamic bytes whose offset is the head's word `index`, as hex. */
export function bytesAt(data, index) {
  const words = wordsOf(data);
  const start = Number(words[index]);
  const length = Number(words[start / 32]);
  return "0x" + data.slice(2 + 2 * (start + 32), 2 + 2 * (start + 32 + length));
}

/** sha-256 as hex; null where the browser has none (only https and this machine's own pages have it). */
export async function sha256(bytes) {
  return globalThis.crypto?.subtle ? hexOf(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))) : null;
}

/** sha-256 digest, as hex, in a raw CIDv1 in base32; null for any other CID. */
export function digestOfCid(cid) {
  if (!/^b[a-z2-7]{58}$/.test(cid)) return null;
  let value = 0n;
  for (const char of cid.slice(1)) value = (value << 5n) | BigInt("abcdefghijklmnopqrstuvwxyz234567".indexOf(char));
  const hex = (value >> 2n).toString(16).padStart(72, "0"); // 58 · 5 = 290 bits, 288 of them used
  return hex.startsWith("01551220") ? "0x" + hex.slice(8) : null;
}
