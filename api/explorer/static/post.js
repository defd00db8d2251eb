// The page that posts a task: the form becomes a draft of the API, the wallet signs or sends it, and the task's page opens once mined.
import { Steps, carryOut, element, post, send, unitsOf, walletBar } from "./wallet.js";

const NATIVE = "0x" + "0".repeat(40);
const form = document.getElementById("post-form");
const button = document.getElementById("post-button");
let connected = null;

walletBar(document.getElementById("wallet"), form.dataset.chain, (next) => {
  connected = next;
  ready();
});

function ready() {
  button.disabled = connected === null || form.dataset.busy === "yes";
  button.title = connected === null ? "Connect a wallet first" : "";
}

const value = (name) => form.elements.namedItem(name)?.value.trim() ?? "";
const number = (name) => Number(value(name));
const chosen = () => [...form.querySelectorAll("input[name=skill]:checked")].map((box) => box.value);

function answerFormat() {
  const type = value("format");
  if (type !== "choice") return { type };
  return { type, labels: value("labels").split(",").map((label) => label.trim().toUpperCase()).filter(Boolean) };
}

async function decimalsOf(token) {
  if (token === NATIVE) return 18;
  const answer = await fetch(`/v1/tokens/${encodeURIComponent(token)}`);
  if (!answer.ok) throw new Error("This is not a token's address.");
  return (await answer.json()).decimals ?? 0; // a token that does not say: raw units
}

async function wish() {
  const token = value("token") || NATIVE;
  const decimals = await decimalsOf(token);
  const amount = (name) => String(unitsOf(value(name), decimals));
  const bps = (name) => Math.round(number(name) * 100);
  const evaluated = value("evaluator") !== "";
  return {
    requester: connected.account, title: value("title"), prompt: form.elements.prompt.value, answer_format: answerFormat(),
    skills: Object.fromEntries(chosen().map((tag) => [tag, 10000])), token, ceiling_wei: amount("reward"),
    k: number("k"), min_seats: Math.min(number("min_seats"), number("k")), quorum_bps: bps("quorum"), base_bps: bps("base"),
    min_match_bps: bps("match"), bond_wei: amount("bond"), shared_bps: bps("shared"), router: value("router") || NATIVE,
    evaluator: value("evaluator") || NATIVE, evaluation_window_s: evaluated ? number("evaluation_window") : 0,
    evaluation_fee_wei: evaluated ? amount("evaluation_fee") : "0", open: form.elements.open.checked, bid_window_s: number("bid_window"), commit_window_s: number("commit_window"), reveal_window_s: number("reveal_window"),
  };
}

/** Resolves when the index has the task. The stream is opened before anything is sent, so that no event is missed. */
function indexed(taskId) {
  const source = new EventSource(`/v1/events?task=${taskId}`);
  return {
    close: () => source.close(),
    done: new Promise((resolve) => {
      const look = async () => { if ((await fetch(`/v1/tasks/${taskId}`, { method: "GET" })).ok) resolve(); };
      source.addEventListener("TaskPosted", () => resolve());
      source.addEventListener("open", () => { if (source.again) look(); source.again = true; });
    }),
  };
}

/** Says beside each field what is wrong with it, and goes to the first one; true where nothing is. */
function checked() {
  const wrong = [...form.elements].filter((field) => !field.closest("[hidden]") && !field.disabled && !field.checkValidity());
  for (const note of form.querySelectorAll(".field .fault")) note.remove();
  for (const field of form.elements) field.removeAttribute("aria-invalid");
  for (const field of wrong) {
    const says = field.validity.patternMismatch && field.dataset.says ? field.dataset.says : field.validationMessage;
    field.setAttribute("aria-invalid", "true");
    field.closest(".field")?.append(element("p", { class: "fault" }, says));
    field.closest("details")?.setAttribute("open", ""); // a folded field could not be seen, nor come into focus
  }
  wrong[0]?.focus();
  return !wrong.length;
}

form.noValidate = true; // the browser's own bubbles cannot point into folded parts
form.addEventListener("input", ({ target }) => {
  target.removeAttribute("aria-invalid");
  target.closest(".field")?.querySelector(".fault")?.remove();
  document.getElementById("evaluation").hidden = value("evaluator") === "";
});
form.addEventListener("change", () => {
  document.getElementById("labels-field").hidden = value("format") !== "choice";
  form.elements.min_seats.max = form.elements.k.value;
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (connected === null || form.dataset.busy === "yes" || !checked()) return;
  form.dataset.busy = "yes";
  ready();
  const steps = new Steps(document.getElementById("steps"));
  let watch = null;
  try {
    if (!chosen().length) throw await steps.run("Choose at least one skill", () => { throw new Error("Agents bid on what they are good at."); });
    const relay = value("way") === "sign";
    const draft = await steps.run("Host the task's texts here and draw up the order", async () => post("/v1/tasks/draft", await wish()));
    watch = indexed(draft.task_id);
    if (relay || draft.token !== NATIVE) {
      for (const deposit of draft.deposits) {
        await steps.run(deposit.to === draft.transaction.to ? "Bring the missing money into your balance in the market" : "Allow the market to take the reward", () => send(connected, deposit));
      }
    }
    await carryOut(connected, draft, relay, steps);
    await steps.run("Wait for the block", () => watch.done);
    location.href = `/tasks/${draft.task_id}`;
  } catch {
    form.dataset.busy = ""; // the failed step says why
    ready();
  } finally {
    watch?.close();
  }
});
ready();
