"""Weights come in as safetensors and GGUF alone: nothing on the path that loads them can run code out of a file.

Read from the source of every package, so that a new call is found when it is written. The training's own checkpoints, which never
leave the machine that made them, are the one listed exception.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agent_runtime", "symphony_chain", "symphony", "indexer", "api")
#: Where torch.load may be called: on checkpoints of a training run (optimiser and random states among them) that the same
#: command wrote in a folder of its own. Nothing that an agent runs imports these.
CHECKPOINTS = ("agent_runtime/model/training/", "scripts/train_")
FILES = sorted(
    str(path.relative_to(ROOT))
    for folder in (*PACKAGES, "scripts")
    for path in (ROOT / folder).rglob("*.py")
    if "migrations" not in path.parts
)
#: Modules that turn bytes into objects by running what the bytes say, or fetch models and code.
MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "copyreg", "huggingface_hub"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
#: Calls by the end of their dotted name; `recv` is multiprocessing's, which unpickles.
CALLS = {"torch.load", "torch.jit.load", "torch.package.PackageImporter", "torch.hub.load", "yaml.load", "joblib.load"}
METHODS = {"recv", "push_to_hub"}


def faults(source: str, *, checkpoints: bool = False) -> Iterator[str]:
    """What is wrong with a file, as ``line: what``."""
    for node in ast.walk(ast.parse(source)):
        for what in _imports(node) if isinstance(node, ast.Import | ast.ImportFrom) else _call(node, checkpoints):
            yield f"{getattr(node, 'lineno', 0)}: {what}"


def _imports(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    names = [alias.name for alias in node.names]
    roots = names if isinstance(node, ast.Import) else [node.module or ""]
    yield from (f"imports {root}" for root in roots if root.split(".")[0] in MODULES)
    if isinstance(node, ast.ImportFrom) and node.module == "torch" and "load" in names:
        yield "imports torch.load"


def _call(node: ast.AST, checkpoints: bool) -> Iterator[str]:
    if not isinstance(node, ast.Call):
        return
    name = ast.unparse(node.func)
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    if name in BUILTINS:
        yield f"calls {name}"
    own_checkpoint = checkpoints and name == "torch.load"
    if name in CALLS and not own_checkpoint:
        yield f"calls {name}"
    if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
        yield f"calls .{node.func.attr}"
    if "trust_remote_code" in keywords and not _is(keywords["trust_remote_code"], False):
        yield "trusts remote code"
    if "allow_pickle" in keywords and not _is(keywords["allow_pickle"], False):
        yield "allows pickle"
    if "weights_only" in keywords and not own_checkpoint and not _is(keywords["weights_only"], True):
        yield "loads more than weights"
    if name.endswith(".from_pretrained") and not (node.args and _is(node.args[0], None) and "state_dict" in keywords):
        yield "lets a library find files itself"


def _is(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


@pytest.mark.parametrize("name", FILES)
def test_nothing_that_loads_can_run_what_it_loads(name: str) -> None:
    found = list(faults((ROOT / name).read_text(), checkpoints=name.startswith(CHECKPOINTS)))
    assert not found, f"{name}: {found}"


def test_the_load_path_is_among_the_files() -> None:
    engines = {f"agent_runtime/engines/{name}.py" for name in ("torch_engine", "llama_loop", "lora", "child", "text", "weights")}
    assert engines <= set(FILES)
    assert len(FILES) > 200


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import torch; torch.load('x', weights_only=True)",
        "from torch import load",
        "torch.jit.load('x')",
        "eval('1')",
        "__import__('os')",
        "np.load('x', allow_pickle=True)",
        "np.load('x', allow_pickle=flag)",
        "AutoModel.from_pretrained('x', trust_remote_code=True)",
        "AutoModel.from_pretrained(None, config=c, state_dict=s, trust_remote_code=wanted)",
        "AutoModel.from_pretrained(path, use_safetensors=True)",
        "connection.recv()",
        "yaml.load(text)",
        "from huggingface_hub import snapshot_download",
        "import joblib.numpy_pickle",
        "thing(weights_only=False)",
    ],
)
def test_each_way_to_run_a_file_is_found_out(source: str) -> None:
    assert list(faults(source))


def test_the_exception_is_for_checkpoints_alone() -> None:
    assert not list(faults("torch.load(path, weights_only=False)", checkpoints=True))
    assert list(faults("torch.jit.load(path)", checkpoints=True)) and list(faults("import pickle", checkpoints=True))


def test_nothing_that_an_agent_runs_imports_the_training() -> None:
    for name in FILES:
        if name.startswith(("scripts/", "agent_runtime/model/training/")):
            continue
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            strange = [module for module in modules if module.startswith("agent_runtime.model.training")]
            assert not strange, f"{name} imports {strange[0]}"
