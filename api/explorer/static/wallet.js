// Wallets of the browser (EIP-6963: each announces itself), signing, sending, and the helpers of the API. No library, no keys here.

const CHOICE = "symphony.wallet"; // the wallet chosen in this tab, by its reverse domain name
const RECEIPT_MS = 1000;
const found = new Map(); // uuid → {info, provider}

/** Calls back with the list of wallets whenever one announces itself, and once at the start. */
export function discover(changed) {
  addEventListener("eip6963:announceProvider", ({ detail }) => {
    if (!detail?.info?.uuid || !detail.provider || found.has(detail.info.uuid)) return;
    found.set(detail.info.uuid, detail);
    changed([...found.values()]);
  });
  changed([]);
  dispatchEvent(new Event("eip6963:requestProvider"));
}

/** An element with text and attributes; foreign text can only ever become text. */
export function element(name, attributes = {}, ...content) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(key, value);
  node.append(...content);
  return node;
}

/** One button a wallet, with the icon that it announced. */
export function walletButtons(wallets, pick) {
  return wallets.map((wallet) => {
    const icon = /^data:image\//.test(wallet.info.icon ?? "") ? element("img", { src: wallet.info.icon, alt: "", width: 20, height: 20 }) : "";
    const button = element("button", { type: "button", class: "button" }, icon, String(wallet.info.name).slice(0, 40));
    button.addEventListener("click", () => pick(wallet));
    return button;
  });
}

/** The bar that finds, connects and names the wallet; calls back with {wallet, account}, or null when it is let go. */
export function walletBar(bar, chainId, changed) {
  let connected = null;
  const set = (next) => {
    connected = next;
    changed(next);
  };
  const pick = async (wallet, silent = false) => {
    try {
      const [account] = await wallet.provider.request({ method: silent ? "eth_accounts" : "eth_requestAccounts" });
      if (!account) return;
      sessionStorage.setItem(CHOICE, wallet.info.rdns);
      wallet.provider.on?.("accountsChanged", ([other]) => { set(other ? { wallet, account: other } : null); draw(); });
      set({ wallet, account });
      draw();
    } catch (error) {
      draw(said(error));
    }
  };
  const draw = (fault = "") => {
    const parts = [];
    if (connected) {
      const leave = element("button", { type: "button", class: "link" }, "Disconnect");
      leave.addEventListener("click", () => { sessionStorage.removeItem(CHOICE); set(null); draw(); });
      parts.push(element("i", { class: "dot" }), element("span", {}, connected.wallet.info.name, " "), element("code", { title: connected.account }, short(connected.account)), leave);
    } else if (found.size) {
      parts.push(element("span", { class: "quiet" }, "Connect"), ...walletButtons([...found.values()], pick));
    } else {
      parts.push(element("span", { class: "quiet" }, "No wallet has announced itself in this browser. Any wallet extension that knows EIP-6963 will appear here."));
    }
    if (fault) parts.push(element("span", { class: "fault" }, fault));
    bar.replaceChildren(...parts);
    bar.classList.toggle("connected", connected !== null);
  };
  discover((wallets) => {
    const chosen = wallets.find((wallet) => wallet.info.rdns === sessionStorage.getItem(CHOICE));
    if (chosen && !connected) pick(chosen, true);
    draw();
  });
}

export const short = (text) => `${text.slice(0, 8)}…${text.slice(-4)}`;

/** What an error says to a person. */
export function said(error) {
  if (error?.code === 4001) return "You declined in the wallet; nothing was sent.";
  return error?.message ?? String(error);
}

async function onChain({ wallet }, chainId) {
  const want = "0x" + Number(chainId).toString(16);
  const have = await wallet.provider.request({ method: "eth_chainId" });
  if (Number(have) === Number(chainId)) return;
  try {
    await wallet.provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId: want }] });
  } catch {
    throw new Error(`The wallet is on chain ${Number(have)}, this market is on chain ${Number(chainId)}: switch it and try again.`);
  }
}

/** The wallet's signature of an EIP-712 document. */
export async function sign(connected, typedData) {
  await onChain(connected, typedData.domain.chainId);
  return connected.wallet.provider.request({ method: "eth_signTypedData_v4", params: [connected.account, JSON.stringify(typedData)] });
}

/** Sends an unsigned transaction of a draft with the wallet, and waits until it is mined. */
export async function send(connected, { from, to, data, value, chainId }) {
  await onChain(connected, chainId);
  const provider = connected.wallet.provider;
  const hash = await provider.request({ method: "eth_sendTransaction", params: [{ from, to, data, value: "0x" + BigInt(value).toString(16) }] });
  for (;;) {
    const receipt = await provider.request({ method: "eth_getTransactionReceipt", params: [hash] });
    if (receipt) {
      if (Number(receipt.status) !== 1) throw new Error(`Transaction ${short(hash)} was reverted.`);
      return hash;
    }
    await new Promise((done) => setTimeout(done, RECEIPT_MS));
  }
}

/** POSTs JSON to this site's API; a problem becomes an error with its hint. */
export async function post(path, body) {
  const headers = { "content-type": "application/json", accept: "application/json" };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  const document = await answer.json();
  if (!answer.ok) {
    const first = document.errors?.[0];
    throw new Error(first ? `${first.pointer.slice(1)}: ${first.message}` : [document.detail, document.hint].filter(Boolean).join("; "));
  }
  return document;
}

/** Signs a draft and lets the API relay it, or sends the draft's transaction: returns the transaction's hash. */
export async function carryOut(connected, draft, relay, steps) {
  if (!relay) return steps.run("Send the transaction with the wallet", () => send(connected, draft.transaction));
  const signature = await steps.run("Sign in the wallet", () => sign(connected, draft.typed_data));
  const sent = await steps.run("Sent by this site, which pays the gas", () => post("/v1/orders", { ...draft.order, signature }));
  return sent.tx_hash;
}

/** A list of steps that shows what goes on; the first one that fails ends it. */
export class Steps {
  constructor(list) {
    this.list = list;
    list.replaceChildren();
  }

  async run(text, action) {
    const item = element("li", { class: "doing" }, element("i", {}), element("span", {}, text));
    this.list.append(item);
    try {
      const result = await action();
      item.className = "done";
      return result;
    } catch (error) {
      item.className = "failed";
      item.append(element("p", { class: "fault" }, said(error)));
      throw error;
    }
  }
}

/** "1.5" in units of 10^decimals, as BigInt; throws for anything that is not such a number. */
export function unitsOf(text, decimals) {
  const match = /^([0-9]*)(?:[.,]([0-9]*))?$/.exec(text.trim());
  if (!match || (!match[1] && !match[2])) throw new Error(`“${text}” is not an amount.`);
  const places = match[2] ?? "";
  if (places.length > decimals) throw new Error(`An amount of this token has at most ${decimals} places.`);
  return BigInt((match[1] || "0") + places.padEnd(decimals, "0"));
}
