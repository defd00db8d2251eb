"""The house rules that a machine can check: imports run one way, modules say what they are, heavy libraries stay out."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
#: package → packages of ours that it may import (DESIGN: symphony_chain ← indexer ← api; ← agent_runtime; symphony above all)
ALLOWED = {
    "symphony_chain": set(),
    "indexer": {"symphony_chain"},
    "agent_runtime": {"symphony_chain"},
    "api": {"symphony_chain", "indexer"},
    "symphony": {"symphony_chain", "indexer", "agent_runtime", "api"},
}
#: Third-party roots that a package must not import, at any depth of its own files.
FORBIDDEN = {
    "symphony_chain": {"torch", "transformers", "llama_cpp", "sqlalchemy", "alembic", "fastapi", "web3"},
    "indexer": {"torch", "transformers", "llama_cpp", "fastapi", "starlette", "web3"},
    "agent_runtime": {"sqlalchemy", "fastapi", "web3"},
    "api": {"torch", "transformers", "llama_cpp", "web3"},
    "symphony": {"web3"},
}
MODULES = [(package, path) for package in ALLOWED for path in sorted((ROOT / package).rglob("*.py"))]


def imported_roots(path: Path) -> set[str]:
    """Top-level names of everything a file imports, inside functions too."""
    roots: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            roots.add(node.module.split(".")[0])
    return roots


@pytest.mark.parametrize(("package", "path"), MODULES, ids=lambda value: str(value).removeprefix(f"{ROOT}/"))
def test_imports_run_one_way(package: str, path: Path) -> None:
    roots = imported_roots(path)
    ours = roots & set(ALLOWED) - {package}
    assert ours <= ALLOWED[package], f"{path.relative_to(ROOT)} imports {sorted(ours - ALLOWED[package])}"
    assert not roots & FORBIDDEN[package], f"{path.relative_to(ROOT)} imports {sorted(roots & FORBIDDEN[package])}"


@pytest.mark.parametrize(("package", "path"), MODULES, ids=lambda value: str(value).removeprefix(f"{ROOT}/"))
def test_every_module_says_what_it_is(package: str, path: Path) -> None:
    if path.name == "__init__.py" and not path.read_text().strip():
        return
    if "migrations" in path.parts:
        return
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path.relative_to(ROOT)} has no docstring"


def test_scripts_are_imported_by_nothing() -> None:
    importers = [str(path) for _, path in MODULES if "scripts" in imported_roots(path)]
    assert not importers


@pytest.mark.parametrize(
    "module", ["agent_runtime.routing", "agent_runtime.engines", "agent_runtime.requester", "symphony.cli"]
)
def test_importing_light_modules_stays_light(module: str) -> None:
    code = f"import sys, {module}; print([m for m in ('torch', 'transformers', 'llama_cpp') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_no_file_is_a_hall() -> None:
    """A room that grew past 500 lines is several rooms (generated files and migrations apart)."""
    long = {
        str(path.relative_to(ROOT)): lines
        for _, path in MODULES
        if "migrations" not in path.parts and (lines := len(path.read_text().splitlines())) > 500
    }
    assert not long
