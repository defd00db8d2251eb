// The rewards page: the connected wallet claims its agents' pay and withdraws its balance, by signature or by transaction.
import { Steps, carryOut, post, walletBar } from "./wallet.js";

const page = document.getElementById("rewards");
let connected = null;
let busy = false;

walletBar(document.getElementById("wallet"), page.dataset.chain, (next) => {
  connected = next;
  const shown = page.dataset.address.toLowerCase();
  const mine = next !== null && next.account.toLowerCase() === shown;
  document.body.classList.toggle("mine", mine);
  if (next !== null && !mine && !shown) location.href = `/rewards?address=${next.account}`;
  document.getElementById("own-link").hidden = next === null || mine;
  if (next !== null) document.getElementById("own-link").href = `/rewards?address=${next.account}`;
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-draft]");
  if (!button || connected === null || busy) return;
  busy = true;
  const steps = new Steps(document.getElementById("steps"));
  const wish = JSON.parse(button.dataset.wish);
  const relay = document.querySelector("input[name=way]:checked")?.value === "sign";
  try {
    const draft = await steps.run("Draw up the payment", () => post(button.dataset.draft, wish));
    await carryOut(connected, draft, relay, steps);
    await steps.run(`${button.dataset.said} is on its way to ${draft.to}`, async () => {});
  } catch { /* the failed step says why */ }
  busy = false;
});
