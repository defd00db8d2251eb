// Hardhat 3: compiles the contracts to the same bytecode as scripts/build_contracts.py, and runs the `hardhat` devnet.
// `npx hardhat node` serves network "node": chain 31337 with the ten standard accounts, one block per second.
// `npx hardhat symphony addresses` prints where the contracts are on network "symphony", a node that runs already.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { defineConfig, emptyTask } from "hardhat/config";
import { nodeUrl, symphonyTask } from "./hardhat.symphony.js";

// The compiler is npm `solc`, given by path so that nothing is ever downloaded.
const path = createRequire(import.meta.url).resolve("solc/soljson.js");
// The one settings file; its outputSelection is dropped because Hardhat asks for outputs of its own.
const { outputSelection: _, ...settings } = JSON.parse(
  readFileSync(new URL("contracts/solc-settings.json", import.meta.url), "utf8"),
);
const compiler = { version: "0.8.37", path, settings };

// Set by symphony_chain.devnet, which gives every start its own genesis.
const { SYMPHONY_HARDHAT_GENESIS_TIME, SYMPHONY_HARDHAT_BASE_FEE_WEI, SYMPHONY_HARDHAT_BLOCK_TIME_MS } = process.env;
const blockTimeMs = Number(SYMPHONY_HARDHAT_BLOCK_TIME_MS ?? 1000);
const genesisMs = SYMPHONY_HARDHAT_GENESIS_TIME ? Number(SYMPHONY_HARDHAT_GENESIS_TIME) * 1000 : Date.now();

export default defineConfig({
  tasks: [emptyTask("symphony", "What is deployed of Symphony").build(), symphonyTask],
  solidity: { profiles: { default: compiler, production: compiler } },
  networks: {
    symphony: { type: "http", url: nodeUrl() },
    node: {
      type: "edr-simulated",
      chainId: 31337,
      hardfork: "prague",
      blockGasLimit: 30_000_000,
      initialDate: new Date(genesisMs),
      initialBaseFeePerGas: BigInt(SYMPHONY_HARDHAT_BASE_FEE_WEI ?? 1_000_000_000),
      mining: { auto: blockTimeMs === 0, interval: blockTimeMs, mempool: { order: "fifo" } },
      accounts: {
        mnemonic: "test test test test test test test test test test test junk",
        count: 10,
        accountsBalance: 10_000n * 10n ** 18n,
      },
    },
  },
});
