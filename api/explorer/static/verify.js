// Recomputes a task from the logs of the reader's own node and compares it with what the API said. No request of this file goes to
// the API but the two documents to be judged; nothing that it says is used but to be compared (and as a hint where to look).
import { addressHex, bytesOf, digestOfCid, keccakText, packed, sha256, wordHex, wordsOf } from "./bytes.js";
import * as market from "./market.js";

const { TOPICS } = market;
const lower = (value) => (value === null || value === undefined ? null : String(value).toLowerCase());
const selector = (text) => keccakText(text).slice(0, 10);
const before = (log) => Number(log.blockNumber) - 1;

/** Notes of single checks: `ok`, `wrong`, or `unknown` where there is nothing to check or the node cannot tell. */
class Report {
  checks = [];

  add(name, state, detail) {
    this.checks.push({ name, state, detail });
  }

  /** One check of many comparisons [what, of the chain, of the page]; the first difference is told. */
  same(name, rows, detail) {
    const wrong = rows.find(([, chain, page]) => lower(chain) !== lower(page));
    if (wrong) this.add(name, "wrong", `${wrong[0]}: your node says ${brief(wrong[1])}, this page says ${brief(wrong[2])}`);
    else this.add(name, "ok", detail);
  }

  /** One check of many equations [what, holds]. */
  holds(name, rows, detail) {
    const wrong = rows.find(([, holds]) => !holds);
    if (wrong) this.add(name, "wrong", wrong[0]);
    else this.add(name, "ok", detail);
  }
}

const brief = (value) => (value === null || value === undefined ? "nothing" : String(value).length > 46 ? `${String(value).slice(0, 44)}…` : String(value));
const plural = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;

/**
 * Checks a task.
 * @param node a Node. @param where {taskId, chainId, genesis, market, plans, registry}: the contracts, to be compared with the reader's own address book.
 * @param claim the API's document of the task. @param head {number, hash}: the block up to which the claim holds.
 * @param texts {header, body}: raw bytes as the API's gateway gave them, or null. @param shown what the page itself displays: name → text.
 */
export async function verify(node, where, claim, head, texts, shown = {}) {
  const report = new Report();
  const tip = await sameChain(report, node, where, head);
  if (tip === null || !(await contracts(report, node, where, head))) return report.checks;
  const logs = await storyOf(node, where, claim.posted?.number ?? 0, head.number);
  const facts = market.factsOf(logs);
  if (!parameters(report, facts, where, claim)) return report.checks;
  const { task } = facts.posted;
  await question(report, task, claim, texts);
  state(report, facts, claim, tip);
  timeline(report, logs, claim);
  bids(report, facts, claim);
  if (facts.seats.length) {
    seats(report, facts, claim);
    await weights(report, node, where, facts);
    openings(report, facts, claim, where.taskId);
    await answers(report, facts, claim);
    await outcome(report, node, where, facts, claim, head);
  } else {
    unseated(report, facts, claim);
  }
  if (facts.settled || facts.cancelled) await receipt(report, node, where, facts, claim, head);
  displayed(report, facts, claim, tip, shown);
  return report.checks;
}

/** The task's logs in chain order: the market's, and what `Plans`, which serves any market, says for this one. */
async function storyOf(node, where, from, to) {
  const own = await node.logs([where.market], [null, where.taskId], from, to);
  const plans = await node.logs([where.plans], [TOPICS.PlanRevealed, wordHex(BigInt(where.market)), where.taskId], from, to);
  return [...own, ...plans].sort((a, b) => a.blockNumber - b.blockNumber || a.logIndex - b.logIndex);
}

async function sameChain(report, node, where, head) {
  const [chainId, genesis, tip] = await Promise.all([node.chainId(), node.block(0), node.block(head.number)]);
  if (tip === null) {
    report.add("Same chain", "wrong", `your node has no block ${head.number} yet`);
    return null;
  }
  report.same("Same chain", [["chain id", chainId, where.chainId], ["genesis", genesis?.hash, where.genesis], [`hash of block ${head.number}`, tip.hash, head.hash]], `chain ${chainId}, up to block ${head.number}`);
  return report.checks[0].state === "ok" ? tip : null;
}

/** The market itself names the contracts beside it: of all addresses, only the market's is the reader's to compare. */
async function contracts(report, node, where, head) {
  const named = async (name) => addressHex(BigInt(await node.call(where.market, selector(name), head.number)));
  report.same("Contracts", [["registry", await named("REGISTRY()"), where.registry], ["plans", await named("PLANS()"), where.plans]], `registry and plans are the ones of market ${where.market}`);
  return report.checks.at(-1).state === "ok";
}

function parameters(report, facts, where, claim) {
  if (facts.posted === null) {
    report.add("Task", "wrong", "your node knows no such task of this market");
    return false;
  }
  const { task } = facts.posted;
  report.same("Task id", [["the digest of all parameters", market.taskId(task, where.chainId, where.market), where.taskId], ["id", where.taskId, claim.id]], "it is the EIP-712 digest of the 24 parameters");
  const fields = market.TASK_FIELDS.map((name) => [name, market.fieldText(name, task[name]), claim.params?.[name]]);
  report.same("Parameters", [
    ...fields, ["requester", addressHex(task.requester), claim.requester], ["token", addressHex(task.token), claim.token],
    ["seats wanted", task.k, claim.k], ["ceiling", task.ceiling, claim.ceiling_wei], ["quorum", task.quorumBps, claim.quorum_bps],
    ["end of bids", task.bidEnd, claim.bid_end_s], ["end of commits", task.commitEnd, claim.commit_end_s],
    ["end of reveals", task.commitEnd + task.revealWindow, claim.reveal_end_s], ["escrow", market.escrow(task), claim.money?.escrow_wei],
  ], "all as they were posted");
  return true;
}

async function question(report, task, claim, texts) {
  if (!texts.header) return report.add("Question", "unknown", "its texts are not at hand here");
  const parse = (bytes) => JSON.parse(new TextDecoder().decode(bytes));
  const digest = await sha256(texts.header);
  if (digest === null) return report.add("Question", "unknown", "this browser has no sha-256 on pages without https");
  const rows = [["digest of the header", wordHex(task.header), digest]];
  if (digest === wordHex(task.header)) {
    const header = parse(texts.header);
    rows.push(["title", header.title, claim.title]);
    if (texts.body) {
      const body = await sha256(texts.body);
      rows.push(["digest of the body", digestOfCid(header.body.cid), body]);
      if (body === digestOfCid(header.body.cid)) rows.push(["prompt", parse(texts.body).prompt, claim.body?.prompt]);
    }
  }
  report.same("Question", rows, texts.body ? "title and prompt are the ones that the task names" : "the title is the one that the task names");
}

function state(report, facts, claim, tip) {
  report.same("State", [["state", market.stateAt(facts.posted.task, facts, Number(tip.timestamp)), claim.state]], `${claim.state} at block ${Number(tip.number)}`);
}

/** Every log of the task. What others say of it (feedback, anchors) decides nothing, and is not checked. */
function timeline(report, logs, claim) {
  const shown = claim.timeline.filter((event) => event.name in TOPICS);
  const rows = [["number of events", logs.length, shown.length]];
  logs.forEach((log, i) => {
    const page = shown[i] ?? {};
    rows.push([`event ${i}`, market.eventName(log), page.name], [`event ${i}, transaction`, log.transactionHash, page.tx_hash], [`event ${i}, block`, log.blockHash, page.block?.hash]);
  });
  report.same("Timeline", rows, `${plural(logs.length, "event")}, none left out`);
}

function bids(report, facts, claim) {
  const rows = [["number of bids", facts.bids.length, claim.bid_list.length]];
  facts.bids.forEach((bid, i) => {
    const page = claim.bid_list[i] ?? {};
    rows.push([`bid ${i}, agent`, bid.agentId, page.agent_id], [`bid ${i}, price`, bid.price, page.price_wei], [`bid ${i}, confidence`, bid.confidence, page.confidence_bps], [`bid ${i}, transaction`, bid.log.transactionHash, page.tx_hash]);
  });
  report.same("Bids", rows, `${plural(facts.bids.length, "bid")}, as published`);
}

function seats(report, facts, claim) {
  const { task } = facts.posted;
  const rows = [["number of seats", facts.seats.length, claim.seat_list.length], ["price a seat", facts.price, claim.price_wei], ["returned at award", facts.returned, claim.money.returned_wei]];
  for (const seat of facts.seats) {
    const page = claim.seat_list[seat.index] ?? {};
    rows.push([`seat ${seat.index}, agent`, seat.agentId, page.agent_id], [`seat ${seat.index}, wallet`, seat.wallet, page.wallet], [`seat ${seat.index}, weight at award`, seat.weight, page.award_weight]);
  }
  report.same("Seats", rows, `${facts.seats.length} of ${task.k}, as awarded`);
  const awarded = facts.seats[0].log.topics[0] === TOPICS.TaskAwarded;
  const returned = awarded ? task.ceiling * task.k - facts.price * BigInt(facts.seats.length) : 0n;
  report.holds("Price", [["a seat costs more than the ceiling", facts.price <= task.ceiling], ["the rest of the ceilings did not go back", facts.returned === returned]], "within the ceiling; the rest went back at once");
}

/** An agent's word just before a log: the state one block earlier, and what that log's block did to it until then. */
async function wordBefore(node, where, agentId, page, log, kind) {
  const registry = kind === "declared";
  const [to, name] = registry ? [where.registry, "declaredOf(uint256,bytes32)"] : [where.market, "earnedOf(uint256,bytes32)"];
  let word = BigInt(await node.call(to, selector(name) + packed(agentId, page).slice(2), before(log)));
  const number = Number(log.blockNumber);
  const topics = registry ? [TOPICS.CapabilitiesDeclared, wordHex(agentId), wordHex(page)] : [TOPICS.TaskSettled];
  for (const other of await node.logs([to], topics, number, number)) {
    if (Number(other.logIndex) >= Number(log.logIndex)) break;
    if (registry) word = wordsOf(other.data)[0];
    else {
      const result = market.settledOf(other).results.find((seat) => seat.agentId === agentId);
      if (result && (await pageOf(node, where, other.topics[1], number)) === page) word = result.earned;
    }
  }
  return word;
}

/** Skill page of another task. */
async function pageOf(node, where, taskId, number) {
  const [log] = await node.logs([where.market], [TOPICS.TaskPosted, taskId], 0, number);
  return market.taskOf(wordsOf(log.data).slice(1, 11)).pageId;
}

async function weights(report, node, where, facts) {
  const { task } = facts.posted;
  const rows = [];
  try {
    for (const seat of facts.seats) {
      const [declared, earned] = await Promise.all(["declared", "earned"].map((kind) => wordBefore(node, where, seat.agentId, task.pageId, seat.log, kind)));
      const weight = market.seatWeight(declared, earned, task.requirement);
      rows.push([`seat ${seat.index} weighs ${seat.weight}; its agent's words give ${weight}`, weight === seat.weight]);
    }
  } catch (error) {
    return report.add("Weights", "unknown", `your node keeps no state of that block (${brief(error.message)})`);
  }
  report.holds("Weights", rows, "each follows from what its agent had declared and earned at that moment");
}

function openings(report, facts, claim, taskId) {
  const commits = new Map(facts.committed.map((commit) => [commit.seat, commit]));
  const rows = facts.revealed.map((opening) => {
    const commitment = commits.get(opening.seat)?.commitment;
    return [`seat ${opening.seat} opened something else than it committed to`, commitment !== undefined && market.answer26(commitment) === market.answer26(market.commitmentOf(taskId, opening))];
  });
  for (const plan of facts.plans) {
    const opening = facts.revealed.find((other) => other.seat === plan.seat);
    rows.push([`the plan of seat ${plan.seat} names other children than it committed to`, opening.evidence === market.planEvidence(plan)]);
  }
  const page = [];
  for (const { index } of facts.seats) {
    const [shown, commit, opening] = [claim.seat_list[index] ?? {}, commits.get(index), facts.revealed.find((other) => other.seat === index)];
    page.push([`seat ${index}, commitment`, commit?.commitment, shown.commitment], [`seat ${index}, answer`, opening?.digest, shown.answer_digest], [`seat ${index}, evidence`, opening?.evidence, shown.evidence_digest], [`seat ${index}, transaction of its commitment`, commit?.log.transactionHash, shown.commit_tx]);
  }
  report.same("Commitments", page, plural(facts.committed.length, "commitment"));
  if (rows.length) report.holds("Openings", rows, `${plural(facts.revealed.length, "answer")}, each opens its commitment`);
  else report.add("Openings", "unknown", "no answer is open yet");
}

async function answers(report, facts, claim) {
  const rows = [];
  const encode = (text) => new TextEncoder().encode(text);
  for (const opening of facts.revealed) {
    const text = claim.seat_list[opening.seat]?.answer ?? null;
    if (opening.answer !== "0x") rows.push([`answer of seat ${opening.seat}`, new TextDecoder().decode(bytesOf(opening.answer)), text]);
    if (text === null || text.includes("\ufffd")) continue;
    const digest = await sha256(encode(text));
    if (digest !== null) rows.push([`digest of the answer of seat ${opening.seat}`, opening.digest, digest]);
  }
  for (const group of claim.vote?.answers ?? []) {
    const digest = group.answer === null || group.answer.includes("\ufffd") ? null : await sha256(encode(group.answer));
    if (digest !== null) rows.push(["digest of an answer in the vote", group.digest, digest]);
  }
  if (rows.length) report.same("Answers", rows, "the texts shown are the ones that were hashed");
  else report.add("Answers", "unknown", "no answer's text is at hand");
}

/** How each seat votes: its weight at award, which a plan's children may have lowered, and 26 bytes of its answer. */
function votesOf(facts) {
  return facts.seats.map((seat) => {
    const opening = facts.revealed.find((other) => other.seat === seat.index);
    const plan = facts.plans.find((other) => other.seat === seat.index);
    return { weight: plan ? plan.weight : seat.weight, answer: opening ? market.answer26(opening.digest) : null };
  });
}

async function outcome(report, node, where, facts, claim, head) {
  const { task } = facts.posted;
  const votes = votesOf(facts);
  report.holds("Plans", facts.plans.map((plan) => [`the plan of seat ${plan.seat} gained weight`, plan.weight <= facts.seats[plan.seat].weight]), facts.plans.length ? "children only ever lowered a weight" : "none");
  if (!facts.plans.length) report.checks.pop();
  const vote = market.tally(where.taskId, votes, task.quorumBps, task.minSeats);
  const { settled } = facts;
  const rows = [["weight of all seats", vote.total, claim.vote?.total_weight], ["number of answers", vote.groups.size, claim.vote?.answers.length]];
  for (const [answer, { weight, supporters }] of vote.groups) {
    const page = claim.vote?.answers.find((other) => market.answer26(other.digest) === answer);
    rows.push([`weight of answer ${answer.slice(0, 10)}`, weight, page?.weight], [`seats of answer ${answer.slice(0, 10)}`, supporters, page?.supporters.length]);
    rows.push([`answer ${answer.slice(0, 10)} won`, settled !== null && vote.outcome === "settled" && answer === vote.winner, page?.winner]);
  }
  report.same("Vote", rows, vote.winner === null ? "nobody has revealed" : `${vote.weight} of ${vote.total} for the heaviest answer, recounted`);
  if (settled === null) return;

  const contract = [["the contract's outcome is not the vote's", market.STATES[Number(settled.outcome)] === vote.outcome], ["the contract counted other weights", settled.winnerWeight === vote.weight && settled.totalWeight === vote.total]];
  contract.push(["the contract names another winner", wordHex(settled.winner).slice(0, 54) === (vote.outcome === "settled" ? vote.winner : "0x" + "0".repeat(52))]);
  report.holds("Outcome", contract, `${vote.outcome}, by the market's own rules`);
  await payouts(report, node, where, facts, claim, head, votes, vote);
}

/** The deployment's constants, which never change. */
async function rulesOf(node, where, head) {
  const read = async (name) => BigInt(await node.call(where.market, selector(name), head.number));
  const [scoreToken, scoreMin, scoreBurnBps] = await Promise.all(["SCORE_TOKEN()", "SCORE_MIN()", "SCORE_BURN_BPS()"].map(read));
  return { scoreToken, scoreMin, scoreBurnBps };
}

async function payouts(report, node, where, facts, claim, head, votes, vote) {
  const [{ task }, { settled }] = [facts.posted, facts];
  const rules = await rulesOf(node, where, head);
  const given = settled.evaluated ? settled.results.map((seat) => seat.score) : null;
  let words = facts.seats.map(() => null);
  try {
    words = await Promise.all(facts.seats.map((seat) => wordBefore(node, where, seat.agentId, task.pageId, settled.log, "earned")));
  } catch { /* told below, as unknown */ }
  const awarded = facts.seats[0].log.topics[0] === TOPICS.TaskAwarded;
  const free = awarded ? 0 : Number(task.k) - facts.seats.length;
  const due = market.settle(task, facts.price, votes, vote, given, rules, words, free);

  const pay = [];
  const money = [];
  due.seats.forEach((seat, i) => {
    const [chain, page] = [settled.results[i] ?? {}, claim.seat_list[i] ?? {}];
    for (const name of ["score", "pay", "revealed", "scored", "won"]) pay.push([`seat ${i}: ${name} should be ${seat[name]}`, chain[name] === seat[name]]);
    pay.push([`seat ${i} is of another agent or weight`, chain.agentId === facts.seats[i].agentId && chain.weight === votes[i].weight]);
    money.push([`seat ${i}, score`, seat.score, page.score_bps], [`seat ${i}, pay`, seat.pay, page.pay_wei], [`seat ${i}, won`, seat.won, page.won], [`seat ${i}, scored`, seat.scored, page.scored]);
    money.push([`seat ${i}, shared part`, (seat.pay * task.sharedBps) / 10000n, page.shared_wei], [`seat ${i}, bond`, seat.revealed ? task.bond : 0n, page.bond_returned_wei]);
  });
  report.holds("Pay", pay, "each seat got what its score earns");
  if (settled.evaluated) report.holds("Evaluation", [["scores came, but the task names no evaluator", task.evaluator !== 0n], ["the evaluator's fee is another", settled.fee === due.fee]], "an evaluator's scores decided the pay, its fee was paid");
  else report.holds("Evaluation", [["a fee was paid for no evaluation", settled.fee === 0n]], task.evaluator ? "no scores came in time: the vote's scores count" : "none asked for: the vote's scores count");
  report.holds("Burn and refund", [[`burnt: ${settled.burnt}, due: ${due.burnt}`, settled.burnt === due.burnt], [`refunded: ${settled.refund}, due: ${due.refund}`, settled.refund === due.refund]], "what is burnt, shared and returned adds up to the escrow");
  const totals = claim.money;
  report.same("Money on this page", [...money, ["paid", due.paid, totals.paid_wei], ["shared", due.shared, totals.shared_wei], ["refunded", due.refund, totals.refunded_wei], ["burnt", due.burnt, totals.burnt_wei], ["fee", due.fee, totals.fee_wei], ["held", 0n, totals.held_wei]], "the same, to the last unit");
  if (due.seats.some((seat) => seat.earned === null)) report.add("Reputation", "unknown", "your node keeps no state of that block");
  else report.holds("Reputation", due.seats.map((seat, i) => [`seat ${i}: the earned word moved elsewhere`, settled.results[i].earned === seat.earned]), "the earned words moved by one step, or not at all");
}

function unseated(report, facts, claim) {
  const escrow = market.escrow(facts.posted.task);
  const refund = facts.cancelled?.refund ?? facts.settled?.refund ?? null;
  const held = refund === null ? escrow : 0n;
  report.same("Money on this page", [["held", held, claim.money.held_wei], ["refunded", refund ?? 0n, claim.money.refunded_wei], ["paid", 0n, claim.money.paid_wei], ["seats", 0, claim.seat_list.length]], refund === null ? "the whole escrow is held" : "the whole escrow went back");
  if (refund !== null) report.holds("Burn and refund", [["not the whole escrow went back", refund === escrow]], "the whole escrow went back");
}

async function receipt(report, node, where, facts, claim, head) {
  const words = wordsOf(await node.call(where.market, selector("receiptOf(bytes32)") + where.taskId.slice(2), head.number));
  const kept = wordHex(words[2]).slice(0, 54);
  const seated = facts.settled !== null && facts.settled.results.length > 0;
  const digest = seated ? market.receiptDigest(facts.settled.winner, facts.settled.words) : "0x" + "0".repeat(52);
  report.same("Receipt", [["state", market.STATES[Number(words[0])], claim.state], ["digest", kept, digest], ["digest", seated ? kept : null, claim.receipt?.digest ?? null]], seated ? "the market keeps the digest of exactly these results" : "the market keeps no results of it");
}

/** What a person reads on this page, number by number: the document may be honest and the page not. */
function displayed(report, facts, claim, tip, shown) {
  const chain = { state: market.stateAt(facts.posted.task, facts, Number(tip.timestamp)), seats: `${facts.seats.length}of${facts.posted.task.k}` };
  votesOf(facts).forEach((vote, i) => { chain[`weight-${i}`] = String(vote.weight); });
  // An amount is displayed rounded to six places, with the exact one as its title.
  facts.settled?.results.forEach((seat) => { chain[`pay-${seat.index}`] = String(seat.pay); });
  const rows = Object.entries(shown).filter(([, { text }]) => text !== "–").map(([name, { text, title }]) => {
    const said = name.startsWith("pay-") ? payShown(facts.posted.task, chain[name], text, title) : text.replace(/\s/g, "");
    return [name.replace("-", " of seat "), chain[name] ?? null, said];
  });
  if (rows.length) report.same("This page", rows, "state, weights and pay as displayed");
}

/** The exact amount that a cell stands for; its rounded text where the two are not the same amount. */
function payShown(task, exact, text, title) {
  const units = title.split(" ")[0];
  if (task.token !== 0n) return units;
  const rounded = text.startsWith("<") ? 0 : Number(text.replace(/[^0-9.]/g, ""));
  return Math.abs(rounded - Number(exact) / 1e18) < 1e-6 ? units : text;
}
