// The market's rules once more, as `contracts/` has them, over the raw logs of a node: events, ids, openings, weights, vote, pay.
// Pure; money, words and weights are BigInt, hashes and addresses lower-case hex. Shares no code with the server.
import { FULL, addressHex, arrayAt, bits, bytesAt, keccakHex, keccakText, packed, wordHex, wordsOf } from "./bytes.js";

const TASK = "(uint256,uint256,uint256,uint256,uint256,bytes32,uint256,bytes32,bytes32,bytes32)";
export const TOPICS = Object.fromEntries(
  [
    `TaskPosted(bytes32,address,uint256,${TASK})`,
    "TaskCancelled(bytes32,uint256)",
    "BidPosted(bytes32,uint256,uint256,bytes)",
    "BidSkipped(bytes32,uint256,uint8)",
    "TaskAwarded(bytes32,uint256,uint256,uint256[])",
    "SeatTaken(bytes32,uint256,uint256,uint256)",
    "AnswerCommitted(bytes32,uint256,uint256,bytes32)",
    "AnswerRevealed(bytes32,uint256,uint256,bytes32,bytes32,bytes32,bytes)",
    "TaskSettled(bytes32,uint8,bytes32,uint256,uint256,uint256,uint256,uint256[])",
    "PlanRevealed(address,bytes32,uint256,uint256,uint256,bytes32,bytes32[])",
    "CapabilitiesDeclared(uint256,bytes32,uint256)",
  ].map((text) => [text.split("(")[0], keccakText(text)]),
);
const NAMES = Object.fromEntries(Object.entries(TOPICS).map(([name, topic]) => [topic, name]));
export const STATES = "none open free unawarded awarded revealing evaluating closing settled inconclusive void expired cancelled".split(" ");

/** Name of a log's event; Unknown for what is none of a task's. */
export const eventName = (log) => NAMES[log.topics[0]] ?? "Unknown";

// --- tasks ---

const FIELDS =
  "address requester,address router,address token,uint96 ceiling,uint16 baseBps,uint96 bond,uint8 kind,bytes32 pageId,uint256 requirement,uint16 minMatchBps,uint8 k,uint8 minSeats,uint16 quorumBps,bool open,uint40 bidEnd,uint40 commitEnd,uint32 revealWindow,address evaluator,uint32 evaluationWindow,uint96 evaluationFee,uint16 sharedBps,bytes32 parent,bytes32 header,bytes32 salt";
export const TASK_FIELDS = FIELDS.split(",").map((field) => field.split(" ")[1]);
const TASK_TYPEHASH = keccakText(`Task(${FIELDS})`);
const DOMAIN_TYPEHASH = keccakText("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
const ANSWER_TYPEHASH = keccakText("Answer(bytes32 taskId,uint256 agentId,bytes32 answerDigest,bytes32 evidenceDigest,bytes32 salt)");

/** A task's 24 values, each one word, from its ten words: `libraries/Orders.sol` draws them. */
export function taskOf([payer, routing, asset, terms, times, pageId, requirement, parent, header, salt]) {
  const account = (word) => bits(word, 0, 160);
  return {
    requester: account(payer), router: account(routing), token: account(asset), ceiling: payer >> 160n,
    baseBps: bits(terms, 192, 16), bond: routing >> 160n, kind: bits(terms, 160, 8), pageId, requirement,
    minMatchBps: bits(terms, 208, 16), k: bits(terms, 168, 8), minSeats: bits(terms, 176, 8), quorumBps: bits(terms, 224, 16),
    open: bits(terms, 184, 8), bidEnd: bits(times, 0, 40), commitEnd: bits(times, 40, 40), revealWindow: bits(times, 80, 32),
    evaluator: account(terms), evaluationWindow: bits(times, 112, 32), evaluationFee: asset >> 160n, sharedBps: terms >> 240n,
    parent, header, salt,
  };
}

/** The EIP-712 digest of a task: its id. */
export function taskId(task, chainId, market) {
  const domain = keccakHex(packed(DOMAIN_TYPEHASH, keccakText("Symphony TaskMarket"), keccakText("1"), BigInt(chainId), BigInt(market)));
  const struct = keccakHex(packed(TASK_TYPEHASH, ...TASK_FIELDS.map((name) => task[name])));
  return keccakHex("0x1901" + domain.slice(2) + struct.slice(2));
}

/** One field of a task as the API's JSON writes it, for comparison (addresses in lower case). */
export function fieldText(name, value) {
  if (["requester", "router", "token", "evaluator"].includes(name)) return addressHex(value);
  if (["pageId", "requirement", "parent", "header", "salt"].includes(name)) return wordHex(value);
  return name === "open" ? String(value === 1n) : String(value);
}

export const escrow = (task) => task.ceiling * task.k + task.evaluationFee;

/** What block time makes of a task's events: a name of STATES. */
export function stateAt(task, facts, timeS) {
  if (facts.settled) return STATES[Number(facts.settled.outcome)];
  if (facts.cancelled) return "cancelled";
  const now = BigInt(timeS);
  const { bidEnd, commitEnd } = task;
  const revealEnd = commitEnd + task.revealWindow;
  const seats = facts.seats;
  if (!seats.length) {
    if (now <= bidEnd) return "open";
    return task.open === 1n && now <= commitEnd ? "free" : "unawarded";
  }
  const early = facts.revealed.length > 0 && seats.length > 1; // a first early reveal is noted; a single seat needs no note
  if (now <= commitEnd && !early) return "awarded";
  if (now <= revealEnd) return "revealing";
  return now > revealEnd + task.evaluationWindow ? "closing" : "evaluating";
}

// --- events ---

const seatOf = (index, word, log) => ({ index, agentId: bits(word, 160, 32), wallet: addressHex(word), weight: word >> 192n, log });

const RESULT = (index, word, earned) => ({
  index, word, earned, agentId: bits(word, 0, 32), score: bits(word, 32, 16), weight: bits(word, 48, 16), pay: bits(word, 64, 96),
  revealed: bits(word, 160, 1) === 1n, scored: bits(word, 161, 1) === 1n, won: bits(word, 162, 1) === 1n,
});

/** What a TaskSettled says. */
export function settledOf(log) {
  const words = wordsOf(log.data); // winner, weights, refund, burnt, fee, offset of results
  const results = arrayAt(words, 5);
  return {
    log, outcome: BigInt(log.topics[2]), winner: words[0], winnerWeight: bits(words[1], 0, 32), totalWeight: bits(words[1], 32, 32),
    evaluated: words[1] >> 64n === 1n, refund: words[2], burnt: words[3], fee: words[4], words: results,
    results: Array.from({ length: results.length / 2 }, (_, i) => RESULT(i, results[2 * i], results[2 * i + 1])),
  };
}

/** A task's logs, in chain order, as facts. */
export function factsOf(logs) {
  const facts = { posted: null, cancelled: null, bids: [], seats: [], price: null, returned: 0n, taken: 0n, committed: [], revealed: [], plans: [], settled: null };
  for (const log of logs) {
    const words = wordsOf(log.data);
    const agentId = log.topics[2] ? BigInt(log.topics[2]) : null;
    switch (NAMES[log.topics[0]]) {
      case "TaskPosted":
        facts.posted = { log, value: words[0], task: taskOf(words.slice(1, 11)) };
        break;
      case "TaskCancelled":
        facts.cancelled = { log, refund: words[0] };
        break;
      case "BidPosted":
        facts.bids.push({ log, agentId, price: bits(words[0], 32, 96), confidence: bits(words[0], 128, 16), expiry: bits(words[0], 144, 40) });
        break;
      case "TaskAwarded":
        [facts.price, facts.returned] = words;
        facts.seats = arrayAt(words, 2).map((word, i) => seatOf(i, word, log));
        break;
      case "SeatTaken":
        facts.price = facts.posted?.task.ceiling ?? null;
        facts.seats.push(seatOf(Number(words[0]), words[1], log));
        break;
      case "AnswerCommitted":
        facts.committed.push({ log, agentId, seat: Number(words[0]), commitment: wordHex(words[1]) });
        break;
      case "AnswerRevealed":
        facts.revealed.push({ log, agentId, seat: Number(words[0]), digest: wordHex(words[1]), evidence: wordHex(words[2]), salt: wordHex(words[3]), answer: bytesAt(log.data, 4) });
        break;
      case "PlanRevealed":
        facts.plans.push({ log, agentId: BigInt(log.topics[3]), seat: Number(words[0]), weight: words[1], trace: words[2], children: arrayAt(words, 3) });
        break;
      case "TaskSettled":
        facts.settled = settledOf(log);
    }
  }
  return facts;
}

/** Commitment that an opening opens. */
export const commitmentOf = (id, opening) =>
  keccakHex(packed(ANSWER_TYPEHASH, id, opening.agentId, opening.digest, opening.evidence, opening.salt));

/** evidenceDigest of a plan: abi.encode(traceDigest, children). */
export const planEvidence = (plan) => keccakHex(packed(plan.trace, 64n, BigInt(plan.children.length), ...plan.children));

// --- capability words ---

const lanes = (word) => Array.from({ length: 16 }, (_, i) => bits(word, 16 * i, 16));
const FLOOR = 500n;

/** Weight of a seat: max(1, match(c, r)² / 10000), c = min(declared, max(earned, FLOOR)). */
export function seatWeight(declared, earned, requirement) {
  const [d, e, r] = [declared, earned, requirement].map(lanes);
  const proven = d.map((x, i) => { const known = e[i] < FLOOR ? FLOOR : e[i]; return x < known ? x : known; });
  const mean = proven.reduce((sum, x, i) => sum + x * r[i], 0n) / r.reduce((a, b) => a + b);
  const weight = (mean * mean) / 10000n;
  return weight || 1n;
}

/** The earned word one scored settlement later. */
export function stepWord(earned, requirement, score) {
  const r = lanes(requirement);
  // BigInt division rounds toward zero, as the step does.
  return lanes(earned).reduce((word, e, i) => word | ((e + ((score - e) * r[i]) / 160000n) << BigInt(16 * i)), 0n);
}

// --- vote and pay ---

export const answer26 = (digest) => digest.slice(0, 54);

/** Heaviest answer of {weight, answer (26 bytes as hex, or null)}; ties to the lower keccak256(taskId ‖ answer). */
export function tally(id, votes, quorumBps, minSeats) {
  const total = votes.reduce((sum, vote) => sum + vote.weight, 0n);
  const groups = new Map();
  for (const { weight, answer } of votes) {
    if (answer === null) continue;
    const group = groups.get(answer) ?? { weight: 0n, supporters: 0 };
    groups.set(answer, { weight: group.weight + weight, supporters: group.supporters + 1 });
  }
  if (!groups.size) return { outcome: "void", winner: null, weight: 0n, total, supporters: 0, groups };
  const rank = (answer) => BigInt(keccakHex(id + answer.slice(2)));
  const [winner, { weight, supporters }] = [...groups].reduce((best, next) => {
    const heavier = next[1].weight > best[1].weight || (next[1].weight === best[1].weight && rank(next[0]) < rank(best[0]));
    return heavier ? next : best;
  });
  const enough = BigInt(votes.length) >= minSeats && weight * 10000n >= quorumBps * total;
  return { outcome: enough ? "settled" : "inconclusive", winner, weight, total, supporters, groups };
}

const payFor = (task, price, score) => (price * (task.baseBps * 10000n + (10000n - task.baseBps) * score)) / 100000000n;

/** What `settle` pays, given the vote and (of an evaluated task) the evaluator's scores by seat; `rules` are the deployment's. */
export function settle(task, price, votes, vote, scores, rules, earnedBefore, free) {
  const scoring = price >= rules.scoreMin && task.token === rules.scoreToken;
  const settled = vote.outcome === "settled";
  const sums = { paid: 0n, shared: 0n, taken: 0n, lostBonds: 0n };
  const seats = votes.map(({ answer }, i) => {
    if (answer === null) {
      sums.lostBonds += task.bond;
      return { revealed: false, score: 0n, pay: 0n, won: false, scored: scoring };
    }
    const won = settled && answer === vote.winner;
    const byVote = payFor(task, price, won ? 10000n : 0n);
    const score = scores ? scores[i] : won ? 10000n : 0n;
    let pay = scores ? payFor(task, price, score) : byVote;
    if (pay < byVote) sums.taken += byVote - pay;
    const scored = scoring && (scores ? votes.length > 1 : settled && vote.supporters > 1);
    if (scored) {
      const burn = (pay * rules.scoreBurnBps) / 10000n;
      sums.taken += burn;
      pay -= burn;
    }
    sums.paid += pay;
    sums.shared += (pay * task.sharedBps) / 10000n;
    return { revealed: true, score, pay, won, scored };
  });
  for (const [i, seat] of seats.entries()) {
    const before = earnedBefore[i];
    seat.earned = before === null ? null : seat.scored ? stepWord(before, task.requirement, seat.score) : before;
  }
  const evaluated = scores !== null && vote.outcome !== "void";
  const fee = evaluated ? task.evaluationFee : 0n;
  const refund = price * BigInt(votes.length + free) + task.evaluationFee - fee - sums.paid - sums.taken;
  return { seats, evaluated, fee, refund, burnt: sums.taken + sums.lostBonds, ...sums };
}

/** First 26 bytes of keccak256(winner ‖ results): what the market keeps of a closed task. */
export const receiptDigest = (winner, words) => answer26(keccakHex(packed(winner & FULL, ...words)));
