"""Trains the built-in model from nothing: ``tokenizer``, ``train`` (resumes where it stopped), ``export``;
``ban`` renews the list of public questions, ``words`` the list of words.

    python scripts/train_model.py tokenizer --run /tmp/run
    python scripts/train_model.py train --run /tmp/run --tokens 120
    python scripts/train_model.py export --run /tmp/run
    python scripts/train_model.py ban --bbh PATH_OF_BIG_BENCH_HARD_JSON_FILES
    python scripts/train_model.py words --dictionary /usr/share/dict/american-english
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import time
from pathlib import Path
from random import Random
from typing import Any

from agent_runtime.engines.weights import CURVE, MANIFEST
from agent_runtime.model.architecture import ModelShape
from agent_runtime.model.families.base import BAN_LIST, question_hash
from agent_runtime.model.families.templates import OPTIONS_MARK

TRAINED = ("steps", "tokens", "elapsed_s", "examples", "rejected_as_public")
MODEL_FOLDER = Path(__file__).resolve().parents[1] / "agent_runtime" / "model"


def make_tokenizer(args: argparse.Namespace) -> None:
    """Writes ``tokenizer.json`` into the run's folder."""
    from agent_runtime.model.training.tokenizer import train_tokenizer

    args.run.mkdir(parents=True, exist_ok=True)
    train_tokenizer(ModelShape().vocab, args.seed).save(str(args.run / "tokenizer.json"))
    print(f"wrote {args.run / 'tokenizer.json'}")


def train(args: argparse.Namespace) -> None:
    """Runs, or resumes, a training run."""
    import torch
    from tokenizers import Tokenizer

    from agent_runtime.engines.text import load_tokenizer
    from agent_runtime.engines.torch_engine import load_causal_lm
    from agent_runtime.model.training.loop import Recipe, Trainer
    from agent_runtime.model.training.transplant import transplant

    torch.set_num_threads(args.threads)
    device = args.device if args.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    start, digest = None, None
    if args.start is not None and not (args.run / f"start-{MANIFEST}").exists():
        _go_on_from(args.start, args.run)
    tokenizer = Tokenizer.from_file(str(args.run / "tokenizer.json"))
    if args.start is not None:
        model, digest = load_causal_lm(args.start)
        start = transplant(model.state_dict(), load_tokenizer(args.start), tokenizer)
    recipe = Recipe(
        seed=args.seed, tokens=round(args.tokens * 1e6), batch_tokens=args.batch_tokens, constant_share=args.constant,
        learning_rate=args.rate, start_sha256=digest,
    )
    trainer = Trainer(
        recipe, tokenizer, args.run, device=device, clock=time.monotonic, compiled=not args.no_compile, start=start,
        log=lambda line: print(line, flush=True),
    )  # fmt: skip
    print(
        "resumed" if trainer.resume() else "started",
        sum(p.numel() for p in trainer.model.parameters()),
        flush=True,
    )
    trainer.run()


def _go_on_from(start: Path, run: Path) -> None:
    """Keeps what tells how the run's first weights came to be, and their tokenizer where the run has none of its own."""
    missing = [name for name in (MANIFEST, CURVE, "tokenizer.json") if not (start / name).exists()]
    if missing:
        raise SystemExit(f"{start} has no {missing[0]}: name a folder that `export` wrote")
    run.mkdir(parents=True, exist_ok=True)
    if not (run / "tokenizer.json").exists():
        shutil.copyfile(start / "tokenizer.json", run / "tokenizer.json")
    for name in (MANIFEST, CURVE):
        shutil.copyfile(start / name, run / f"start-{name}")


def _history(run: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The runs before this one, oldest first, and the points of their curves; none where it began with random weights."""
    path = run / f"start-{MANIFEST}"
    if not path.exists():
        return [], []
    start = json.loads(path.read_text("utf-8"))
    last = {"recipe": start["recipe"], "trained": start["trained"]}
    return [*start.get("earlier_runs", []), last], json.loads((run / f"start-{CURVE}").read_text("utf-8"))


def export(args: argparse.Namespace) -> None:
    """Writes a run's weights into the package, as every engine reads them, with the curve from the first run on."""
    import torch

    from agent_runtime.engines.weights import early_folder, shipped_folder
    from agent_runtime.model.export import export_model, write_curve

    if args.snapshot is None:
        weights = torch.load(args.run / "state.pt", map_location="cpu", weights_only=False)["model"]
        summary = json.loads((args.run / "curve.json").read_text("utf-8"))
        folder = args.out or shipped_folder()
    else:
        saved = torch.load(args.run / f"snapshot-{args.snapshot:03d}.pt", map_location="cpu")
        weights, summary = saved["model"], saved["summary"]
        folder = args.out or early_folder()
    earlier, curve = _history(args.run)
    write_curve(folder, curve, summary["curve"])
    facts = {"recipe": summary["recipe"], "trained": {name: summary[name] for name in TRAINED}, "earlier_runs": earlier}
    export_model(weights, ModelShape(), args.run / "tokenizer.json", folder, facts)
    print(f"{folder}: {sum(path.stat().st_size for path in folder.iterdir())} bytes")


def ban(args: argparse.Namespace) -> None:
    """Hashes every question of a folder of BIG-Bench-Hard files, with its options and without, into the committed ban
    list.
    """
    digests, questions = set(), set()
    for path in sorted(args.bbh.glob("*.json")):
        for item in json.loads(path.read_text("utf-8"))["examples"]:
            questions.add(question_hash(item["input"]))
            digests |= {question_hash(item["input"]), question_hash(item["input"].partition(OPTIONS_MARK)[0])}
    if not digests:
        raise SystemExit(
            f"no questions under {args.bbh}: name the folder that holds boolean_expressions.json and its kin"
        )
    text = "".join(f"{digest}\n" for digest in sorted(digests))
    (MODEL_FOLDER / BAN_LIST).write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{len(questions)} questions banned, {len(digests)} hashes")


def words(args: argparse.Namespace) -> None:
    """Draws the package's list of words from a dictionary with one word a line (Debian's wamerican; licence beside the
    list): lower-cased, letters only.
    """
    lines = args.dictionary.read_text("utf-8").split()
    kept = sorted({line.lower() for line in lines if line.isascii() and line.isalpha() and 2 <= len(line) <= 14})
    chosen = sorted(Random(args.seed).sample(kept, min(args.count, len(kept))))
    (MODEL_FOLDER / "words.txt").write_text("".join(f"{word}\n" for word in chosen), "ascii")
    print(f"{len(chosen)} of {len(kept)} words")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    for name, action in (("tokenizer", make_tokenizer), ("train", train), ("export", export)):
        command = commands.add_parser(name)
        command.set_defaults(action=action)
        command.add_argument(
            "--run", type=Path, required=True, help="folder of the run (outside the repository)"
        )
        command.add_argument("--seed", type=int, default=7)
        if name == "train":
            command.add_argument(
                "--tokens", type=float, default=120.0, help="millions of tokens of the whole run"
            )
            command.add_argument(
                "--constant", type=float, default=0.5, help="share of the run before the learning rate falls"
            )
            command.add_argument(
                "--rate",
                type=float,
                default=3e-3,
                help="highest learning rate; half of it or less to go on from trained weights",
            )
            command.add_argument(
                "--start",
                type=Path,
                help="folder of a trained model to go on from, and of its tokenizer (default: random weights)",
            )
            command.add_argument("--batch-tokens", type=int, default=3584)
            command.add_argument("--threads", type=int, default=1)
            command.add_argument("--device", default="auto", help="cpu, cuda or auto")
            command.add_argument(
                "--no-compile",
                action="store_true",
                help="where there is no C++ compiler; about 1.4 times slower",
            )
        if name == "export":
            command.add_argument(
                "--snapshot", type=int, help="millions of tokens of a snapshot to export as the early model"
            )
            command.add_argument(
                "--out", type=Path, help="folder to write (default: the package's own weights)"
            )
    command = commands.add_parser("ban")
    command.set_defaults(action=ban)
    command.add_argument("--bbh", type=Path, required=True)
    command = commands.add_parser("words")
    command.set_defaults(action=words)
    command.add_argument("--dictionary", type=Path, required=True)
    command.add_argument("--count", type=int, default=30_000)
    command.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    args.action(args)


if __name__ == "__main__":
    main()
