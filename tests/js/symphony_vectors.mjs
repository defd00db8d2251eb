// Recomputes tests/vectors/{eip712,tally}.json with ethers and BigInt alone; prints every difference, exits 1 if there is one.
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
  const reached = won.weight * 10_000 >= v.quorumBps * total;
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
