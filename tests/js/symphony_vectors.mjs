// Recomputes tests/vectors/{eip712,words,tally}.json with ethers and BigInt alone; prints every difference, exits 1 if there is one.
// Knows nothing of our Python or Solidity.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { AbiCoder, TypedDataEncoder, Wallet, concat, id, keccak256, verifyTypedData } from "ethers";

const folder = process.argv[2];
const load = (name) => JSON.parse(readFileSync(join(folder, name), "utf8"));
const wrong = [];
let checked = 0;
const same = (what, have, want) => {
  checked += 1;
  if (have !== want) wrong.push(`${what}: ${have} is not ${want}`);
};

// --- EIP-712 ---
const signed = load("eip712.json");
const wallet = new Wallet(signed.privateKey);
for (const [i, { typedData, digest, signature }] of signed.messages.entries()) {
  const { EIP712Domain, ...types } = typedData.types;
  const what = `${typedData.primaryType} ${i}`;
  same(`${what} digest`, TypedDataEncoder.hash(typedData.domain, types, typedData.message), digest);
  same(`${what} signature`, await wallet.signTypedData(typedData.domain, types, typedData.message), signature);
  same(`${what} signer`, verifyTypedData(typedData.domain, types, typedData.message, signature), signed.signer);
}
const answerType = id("Answer(bytes32 taskId,uint256 agentId,bytes32 answerDigest,bytes32 evidenceDigest,bytes32 salt)");
for (const c of signed.commitments) {
  const words = ["bytes32", "bytes32", "uint256", "bytes32", "bytes32", "bytes32"];
  const values = [answerType, c.taskId, c.agentId, c.answerDigest, c.evidenceDigest, c.salt];
  same(`commitment of ${c.agentId}`, keccak256(AbiCoder.defaultAbiCoder().encode(words, values)), c.commitment);
}

for (const { traceDigest, children, evidenceDigest } of signed.plans) {
  const encoded = AbiCoder.defaultAbiCoder().encode(["bytes32", "bytes32[]"], [traceDigest, children]);
  same(`evidence of ${children.length} children`, keccak256(encoded), evidenceDigest);
}

// --- packed words ---
// A word of [value, bits] from the lowest.
const hex = (word) => "0x" + word.toString(16).padStart(64, "0");
const pack = (...fields) => {
  let [word, shift] = [0n, 0n];
  for (const [value, bits] of fields) {
    word |= BigInt(value) << shift;
    shift += BigInt(bits);
  }
  return hex(word);
};
const words = load("words.json");
const [order] = signed.messages.filter(({ typedData }) => typedData.primaryType === "Task");
for (const [i, { fields: f, words: w, taskId, escrow }] of words.tasks.entries()) {
  const want = [
    pack([f.requester, 160], [f.ceiling, 96]),
    pack([f.router, 160], [f.bond, 96]),
    pack([f.token, 160], [f.evaluationFee, 96]),
    pack([f.evaluator, 160], [f.kind, 8], [f.k, 8], [f.minSeats, 8], [Number(f.open), 8], [f.baseBps, 16], [f.minMatchBps, 16],
      [f.quorumBps, 16], [f.sharedBps, 16]),
    pack([f.bidEnd, 40], [f.commitEnd, 40], [f.revealWindow, 32], [f.evaluationWindow, 32]),
    f.pageId, pack([f.requirement, 256]), f.parent, f.header, f.salt,
  ];
  same(`words of task ${i}`, want.join(), w.join());
  const { domain, types: { Task } } = order.typedData;
  same(`id of task ${i}`, TypedDataEncoder.hash(domain, { Task }, f), taskId);
  same(`escrow of task ${i}`, String(BigInt(f.ceiling) * BigInt(f.k) + BigInt(f.evaluationFee)), escrow);
}
for (const [i, b] of words.bids.entries()) {
  same(`bid ${i}`, pack([b.agentId, 32], [b.price, 96], [b.confidenceBps, 16], [b.expiry, 40]), b.terms);
}
for (const [i, a] of words.awards.entries()) {
  same(`award ${i}`, pack([a.wallet, 160], [a.agentId, 32], [a.weight, 64]), a.word);
}
for (const [i, h] of words.heads.entries()) {
  const closed = h.phase >= 8;
  const want = closed
    ? pack([h.receipt, 208], [h.closedAt, 40], [h.phase, 8])
    : pack([h.price, 96], [h.bidEnd, 40], [h.commitEnd - h.bidEnd, 22], [h.revealEnd - h.commitEnd, 22],
      [h.evaluationEnd - h.revealEnd, 22], [h.free, 5], [Number(h.plan), 1], [0, 35], [h.seats, 5], [h.phase, 8]);
  same(`head ${i}`, want, h.word);
}
for (const [i, s] of words.seats.entries()) {
  const low = s.tag === 1 ? [[s.wallet, 160], [0, 48]] : [[BigInt(s.digest) >> 48n, 208]];
  same(`seat ${i}`, pack(...low, [s.agentId, 32], [s.weight, 14], [s.tag, 2]), s.word);
}
for (const [i, r] of words.receipts.entries()) {
  for (const s of r.results) {
    const flags = Number(s.revealed) + 2 * Number(s.scored) + 4 * Number(s.won);
    const want = pack([s.agentId, 32], [s.scoreBps, 16], [s.weight, 16], [s.pay, 96], [flags, 96]);
    same(`result of agent ${s.agentId}`, want, s.words[0]);
  }
  const packed = concat([r.winner.padEnd(66, "0"), ...r.results.flatMap((s) => s.words)]);
  same(`receipt ${i}`, keccak256(packed).slice(0, 54), r.digest);
}

// --- capability words ---
const FULL = 10_000n;
const FLOOR = 500n;
const lanes = (word) => Array.from({ length: 16 }, (_, i) => (BigInt(word) >> BigInt(16 * i)) & 0xffffn);
const min = (a, b) => (a < b ? a : b);
const max = (a, b) => (a > b ? a : b);
const mean = (values, weights) => values.reduce((sum, v, i) => sum + v * weights[i], 0n) / weights.reduce((a, b) => a + b);

const tallies = load("tally.json");
for (const [i, s] of tallies.seats.entries()) {
  const [declared, earned, requirement] = [lanes(s.declared), lanes(s.earned), lanes(s.requirement)];
  const proven = mean(declared.map((d, j) => min(d, max(earned[j], FLOOR))), requirement);
  same(`match ${i}`, Number(mean(declared, requirement)), s.matchBps);
  same(`weight ${i}`, Number(max(1n, (proven * proven) / FULL)), s.weight);
}
for (const [i, s] of tallies.steps.entries()) {
  const requirement = lanes(s.requirement);
  // BigInt division rounds toward zero, as the step does.
  const next = lanes(s.earned).map((e, j) => e + ((BigInt(s.scoreBps) - e) * requirement[j]) / (FULL * 16n));
  const word = next.reduce((sum, lane, j) => sum | (lane << BigInt(16 * j)), 0n);
  same(`step ${i}`, "0x" + word.toString(16).padStart(64, "0"), s.next);
}

// --- votes ---
for (const [i, v] of tallies.votes.entries()) {
  const total = v.votes.reduce((sum, { weight }) => sum + weight, 0);
  const answers = new Map();
  for (const { weight, answer } of v.votes) {
    if (answer === null) continue;
    const { weight: before = 0, supporters = 0 } = answers.get(answer) ?? {};
    answers.set(answer, { weight: before + weight, supporters: supporters + 1 });
  }
  const rank = (answer) => BigInt(keccak256(concat([v.taskId, answer])));
  const [winner, won] = [...answers].sort(([a, x], [b, y]) => y.weight - x.weight || (rank(a) < rank(b) ? -1 : 1))[0] ?? [null, { weight: 0, supporters: 0 }];
  const reached = v.votes.length >= v.minSeats && won.weight * 10_000 >= v.quorumBps * total;
  const outcome = winner === null ? "VOID" : reached ? "SETTLED" : "INCONCLUSIVE";
  same(`outcome ${i}`, outcome, v.outcome);
  same(`winner ${i}`, winner, v.winner);
  same(`winner's weight ${i}`, won.weight, v.winnerWeight);
  same(`total weight ${i}`, total, v.totalWeight);
  same(`supporters ${i}`, won.supporters, v.supporters);
}

for (const line of wrong) console.error(line);
console.log(JSON.stringify({ checked, wrong: wrong.length }));
process.exit(wrong.length ? 1 : 0);
