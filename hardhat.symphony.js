// Symphony for Hardhat users: where the contracts are, by the address book that `symphony chain deploy` and `symphony up` write,
// with the shipped ABIs; and the task `symphony addresses`. Nothing is compiled or deployed here.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { task } from "hardhat/config";
import { HardhatPluginError } from "hardhat/plugins";

/** Field of the address book → name of the contract's artifact, in the order of deployment. */
export const CONTRACTS = {
  registry: "AgentRegistry", plans: "Plans", pool: "RewardPool", market: "TaskMarket",
  reputation: "Reputation", releases: "ReleaseRegistry", deltas: "DeltaRegistry", quorum: "QuorumEvaluator",
};
const ARTIFACTS = new URL("symphony_chain/artifacts/", import.meta.url);
const { SYMPHONY_RPC_URL, SYMPHONY_ADDRESSES_FILE, SYMPHONY_DATA_DIR } = process.env;
const DATA_DIR = SYMPHONY_DATA_DIR || ".symphony";

const refuse = (message) => new HardhatPluginError("symphony", message);

/** What a running `symphony up` says of itself in the working folder; nothing where none runs. */
function running() {
  try {
    return JSON.parse(readFileSync(join(DATA_DIR, "run.json"), "utf8"));
  } catch {
    return {};
  }
}

/** URL of the node: the variable, else that of a running `symphony up`, else the usual port. */
export const nodeUrl = () => SYMPHONY_RPC_URL || running().rpc_url || "http://127.0.0.1:8545";

/** Path of the address book: the variable, else that of a running `symphony up`, else the one in the data folder. */
export const bookPath = () => SYMPHONY_ADDRESSES_FILE || running().deployment || join(DATA_DIR, "deployment.json");

/**
 * The address book: `{path, chainId, genesis, block, contracts: {market: {name, address, abi}, …}}`.
 * Throws a HardhatPluginError that says what to do where there is none, or it is not one.
 */
export function addressBook(path = bookPath()) {
  let text;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw refuse(`There is no address book at ${path} (${error.code}): run \`symphony chain deploy\`, or give --deployment PATH.`);
  }
  let raw = null;
  try {
    raw = JSON.parse(text);
  } catch { /* told below */ }
  const wrong = Object.keys(CONTRACTS).filter((key) => !/^0x[0-9a-fA-F]{40}$/.test(raw?.[key]));
  if (!Number.isSafeInteger(raw?.chain_id) || !/^0x[0-9a-f]{64}$/.test(raw?.genesis) || !Number.isSafeInteger(raw?.block)) wrong.push("the chain");
  if (wrong.length) throw refuse(`${path} is not an address book (${wrong.join(", ")}): delete it and run \`symphony chain deploy\` again.`);
  const contracts = Object.fromEntries(Object.entries(CONTRACTS).map(([key, name]) => {
    const { abi } = JSON.parse(readFileSync(new URL(`${name}.json`, ARTIFACTS), "utf8"));
    return [key, { name, address: raw[key], abi }];
  }));
  return { path, chainId: raw.chain_id, genesis: raw.genesis, block: raw.block, contracts };
}

/** Throws a HardhatPluginError unless the network is the book's chain, genesis block and all, and has its contracts. */
export async function requireNetwork(book, { provider, networkName }) {
  const chainId = Number(await provider.request({ method: "eth_chainId" }));
  const genesis = (await provider.request({ method: "eth_getBlockByNumber", params: ["0x0", false] }))?.hash;
  if (chainId !== book.chainId || genesis !== book.genesis) {
    throw refuse(
      `The network "${networkName}" is chain ${chainId} with genesis ${genesis?.slice(0, 18)}…, the address book ${book.path} is of chain ` +
        `${book.chainId} with genesis ${book.genesis.slice(0, 18)}…: choose another --network, or set SYMPHONY_RPC_URL for "symphony".`,
    );
  }
  for (const { name, address } of Object.values(book.contracts)) {
    const code = await provider.request({ method: "eth_getCode", params: [address, "latest"] });
    if (code === "0x") throw refuse(`There is no ${name} at ${address} on "${networkName}": deploy with \`symphony chain deploy\`.`);
  }
}

/** Opens a network (default: the one of --network, else "symphony") and returns it with its address book, checked. */
export async function connect(hre, { path, network = hre.globalOptions.network ?? "symphony" } = {}) {
  const book = addressBook(path);
  const connection = await hre.network.getOrCreate(network);
  await requireNetwork(book, connection);
  return { ...book, connection };
}

async function printAddresses({ deployment }, hre) {
  const { path, chainId, genesis, block, contracts } = await connect(hre, { path: deployment || undefined });
  const addresses = Object.fromEntries(Object.entries(contracts).map(([key, { name, address }]) => [key, { name, address }]));
  console.log(JSON.stringify({ path, chainId, genesis, block, contracts: addresses }, null, 1));
}

export const symphonyTask = task(["symphony", "addresses"], "Prints where Symphony's contracts are on a network, after checking that they are there")
  .addOption({ name: "deployment", description: "The address book [default: that of `symphony`]", defaultValue: "" })
  .setInlineAction(printAddresses)
  .build();
