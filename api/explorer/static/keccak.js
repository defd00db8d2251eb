// Keccak-256 as Ethereum uses it (browsers have none), after the specification's own pseudocode. Pure. Plain rather than fast:
// lanes are BigInt, a page hashes a few kilobytes.
const MASK = (1n << 64n) - 1n;
const RATE = 136; // bytes a block

const rotl = (x, n) => ((x << n) | (x >> (64n - n))) & MASK;

// State: lane (x, y) at x + 5y.
function permute(a) {
  let r = 1;
  for (let round = 0; round < 24; round++) {
    const c = [0, 1, 2, 3, 4].map((x) => a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20]);
    for (let i = 0; i < 25; i++) a[i] ^= c[(i + 4) % 5] ^ rotl(c[(i + 1) % 5], 1n);
    let [x, y, moved] = [1, 0, a[1]];
    for (let t = 0; t < 24; t++) {
      [x, y] = [y, (2 * x + 3 * y) % 5];
      [moved, a[x + 5 * y]] = [a[x + 5 * y], rotl(moved, BigInt((((t + 1) * (t + 2)) / 2) % 64))];
    }
    for (let row = 0; row < 25; row += 5) {
      const old = a.slice(row, row + 5);
      for (let i = 0; i < 5; i++) a[row + i] = old[i] ^ (~old[(i + 1) % 5] & MASK & old[(i + 2) % 5]);
    }
    for (let j = 0; j < 7; j++) {
      r = ((r << 1) ^ ((r >> 7) * 0x71)) & 0xff;
      if (r & 2) a[0] ^= 1n << ((1n << BigInt(j)) - 1n);
    }
  }
}

/** Digest (32 bytes) of a Uint8Array. */
export function keccak256(data) {
  const padded = new Uint8Array((Math.floor(data.length / RATE) + 1) * RATE);
  padded.set(data);
  padded[data.length] ^= 0x01;
  padded[padded.length - 1] ^= 0x80;
  const view = new DataView(padded.buffer);
  const state = Array(25).fill(0n);
  for (let start = 0; start < padded.length; start += RATE) {
    for (let lane = 0; lane < RATE / 8; lane++) state[lane] ^= view.getBigUint64(start + 8 * lane, true);
    permute(state);
  }
  const out = new DataView(new ArrayBuffer(32));
  for (let lane = 0; lane < 4; lane++) out.setBigUint64(8 * lane, state[lane], true);
  return new Uint8Array(out.buffer);
}
