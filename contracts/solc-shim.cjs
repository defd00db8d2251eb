#!/usr/bin/env node
// npm `solc` behind the command line of a native solc, as far as forge uses it: --version and --standard-json.
// Knows nothing of settings: they come with the input.
const fs = require("node:fs");
const path = require("node:path");
const solc = require(require.resolve("solc", { paths: [process.cwd(), path.dirname(__dirname)] }));

if (process.argv.includes("--version")) {
  const version = solc.version().replace("Emscripten.clang", "Linux.g++");
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${version}`);
} else {
  fs.writeSync(1, solc.compile(fs.readFileSync(0, "utf8")));
}
