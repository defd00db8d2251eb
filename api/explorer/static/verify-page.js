// The Verify panel of a task's page: chooses a node, runs the checks, prints them.
import { Node } from "./node.js";
import { verify } from "./verify.js";
import { discover, element, said, walletButtons } from "./wallet.js";

const panel = document.getElementById("verify");
const list = document.getElementById("checks");
const verdict = document.getElementById("verdict");
const MARKS = { ok: "✓", wrong: "✗", unknown: "–" };

async function raw(cid) {
  const answer = cid ? await fetch(`/ipfs/${cid}?format=raw`) : null;
  return answer?.ok ? new Uint8Array(await answer.arrayBuffer()) : null;
}

/** What this page displays, as a person reads it. */
function shown() {
  return Object.fromEntries([...document.querySelectorAll("[data-says]")].map((node) => [node.dataset.says, { text: node.innerText.trim(), title: node.querySelector("[title]")?.title ?? "" }]));
}

async function run(node) {
  list.replaceChildren();
  tell("doing", `Asking ${node.name}…`);
  try {
    const answer = await fetch(`/v1/tasks/${panel.dataset.task}`, { cache: "no-store" });
    const [number, hash] = answer.headers.get("X-Symphony-Block").split(":");
    const claim = await answer.json();
    const texts = { header: await raw(claim.beacon && claim.header_cid), body: await raw(claim.body && claim.body_cid) };
    const { task: taskId, chain, genesis, market, plans, registry } = panel.dataset;
    const where = { taskId, chainId: Number(chain), genesis, market, plans, registry };
    const checks = await verify(node, where, claim, { number: Number(number), hash }, texts, shown());
    list.replaceChildren(...checks.map(({ name, state, detail }) => element("li", { class: state }, element("i", { "aria-label": state }, MARKS[state]), element("div", {}, element("b", {}, name), " ", element("p", {}, detail)))));
    const wrong = checks.filter((check) => check.state === "wrong").length;
    const ok = checks.filter((check) => check.state === "ok").length;
    if (wrong) tell("wrong", `${wrong} of ${checks.length} checks failed. Do not trust this page.`);
    else tell("ok", `${ok} of ${checks.length} checks passed, none failed, against ${node.name}.`);
  } catch (error) {
    tell("unknown", `Could not verify: ${said(error)}`);
  }
}

function tell(state, text) {
  verdict.className = `verdict ${state}`;
  verdict.textContent = text;
  verdict.hidden = false;
  panel.dataset.verdict = state;
}

discover((wallets) => document.getElementById("verify-wallets").replaceChildren(...walletButtons(wallets, (wallet) => run(Node.ofWallet(wallet)))));
document.getElementById("verify-form").addEventListener("submit", (event) => {
  event.preventDefault();
  run(Node.ofUrl(event.target.elements.rpc.value));
});
