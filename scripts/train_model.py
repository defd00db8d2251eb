"""Trains the built-in model from nothing: ``tokenizer``, ``train`` (resumes where it stopped), ``export``;
``ban`` renews the list of public questions.

    python scripts/train_model.py tokenizer --out /tmp/run
    python scripts/train_model.py train --run /tmp/run --tokens 120
    python scripts/train_model.py export --run /tmp/run
    python scripts/train_model.py ban --bbh PATH_OF_BIG_BENCH_HARD_JSON_FILES
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import time
from pathlib import Path

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
    own = args.run / "tokenizer.json"
    if args.start is not None and not own.exists():  # a run that goes on keeps its tokenizer
        args.run.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(args.start / "tokenizer.json", own)
    tokenizer = Tokenizer.from_file(str(own))
    start, digest = None, None
    if args.start is not None:
        model, digest = load_causal_lm(args.start)
        start = transplant(model.state_dict(), load_tokenizer(args.start), tokenizer)
    recipe = Recipe(
        seed=args.seed, tokens=round(args.tokens * 1e6), batch_tokens=args.batch_tokens, constant_share=args.constant,
        start_sha256=digest,
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


def export(args: argparse.Namespace) -> None:
    """Writes a run's weights into the package, as every engine reads them, and the curve beside them."""
    import torch

    from agent_runtime.engines.weights import early_folder, shipped_folder
    from agent_runtime.model.export import export_model

    if args.snapshot is None:
        weights = torch.load(args.run / "state.pt", map_location="cpu", weights_only=False)["model"]
        summary = json.loads((args.run / "curve.json").read_text("utf-8"))
        folder = args.out or shipped_folder()
        lines = ",\n".join(json.dumps(point) for point in summary["curve"])
        (MODEL_FOLDER / "curve.json").write_text(f"[\n{lines}\n]\n", "utf-8")
    else:
        saved = torch.load(args.run / f"snapshot-{args.snapshot:03d}.pt", map_location="cpu")
        weights, summary = saved["model"], saved["summary"]
        folder = args.out or early_folder()
    facts = {"recipe": summary["recipe"], "trained": {name: summary[name] for name in TRAINED}}
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
    args = parser.parse_args()
    args.action(args)


if __name__ == "__main__":
    main()
