// A Hardhat script (`hardhat run`): reads Symphony's contracts through the address book, with ethers on Hardhat's own connection.
import hre from "hardhat";
import { BrowserProvider, Contract } from "ethers";
import { connect } from "../../hardhat.symphony.js";

const { contracts, connection } = await connect(hre, { path: process.env.BOOK });
const provider = new BrowserProvider(connection.provider);
const at = (key) => new Contract(contracts[key].address, contracts[key].abi, provider);
const seen = {
  network: connection.networkName,
  minWindow: Number(await at("market").MIN_WINDOW()),
  pool: await at("market").POOL(),
  epoch: Number(await at("pool").EPOCH()),
  owner: await at("registry").ownerOf(1),
  logs: (await at("market").queryFilter("TaskPosted")).length,
};
console.log(JSON.stringify(seen));
