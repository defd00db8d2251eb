"""One line of a worker's configuration decides its engine; the long form says more."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent_runtime.config import WorkerConfig, load_config
from agent_runtime.engines import EngineConfig, EngineInfo
from agent_runtime.errors import ConfigInvalid
from agent_runtime.registration import registration_file

WORKER: dict[str, Any] = {
    "name": "ada",
    "rpc_url": "http://127.0.0.1:8545",
    "deployment": "deployment.json",
    "data_dir": "ada",
    "keystore_dir": "keys",
    "owner": "owner",
    "operator": "operator",
    "skills": {"navigate": 7000},
}


def loaded(folder: Path, engine: Any) -> EngineConfig:
    path = folder / "agent.json"
    path.write_text(json.dumps(WORKER | {"engine": engine}))
    config = load_config(path)
    config.save(folder / "again.json")
    assert load_config(folder / "again.json") == load_config(path), "what is saved is read again"
    return config.engine


@pytest.mark.parametrize(
    ("line", "spec"),
    [
        ("torch", "torch"),
        ("llama_cpp", "llama_cpp"),
        ("https://models.example/v1", "https://models.example/v1"),
        ("tests.runtime.scripted:engine", "tests.runtime.scripted:engine"),
        ("models/qwen", "{folder}/models/qwen"),
        ("./a.gguf", "{folder}/a.gguf"),
        ("/models/a.gguf", "/models/a.gguf"),
    ],
)
def test_one_line_is_enough(line: str, spec: str, tmp_path: Path) -> None:
    """Paths are relative to the file."""
    expected = EngineConfig(spec.format(folder=tmp_path))
    assert loaded(tmp_path, line) == expected == loaded(tmp_path, {"spec": line})


def test_the_long_form_says_more(tmp_path: Path) -> None:
    engine = {"spec": "https://models.example", "model": "m", "chat": True, "key_file": "key", "deadline_s": 60}
    expected = EngineConfig("https://models.example", model="m", chat=True, key_file=tmp_path / "key", deadline_s=60.0)
    assert loaded(tmp_path, engine) == expected


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ({"spec": "torch", "chat": "yes"}, "engine.chat"),
        ({"spec": "torch", "key": "sk-in-the-file"}, "unknown field engine.key"),
        ({"spec": "torch", "context_tokens": -1}, "engine.context_tokens"),
        (7, "engine"),
        (["torch"], "engine"),
    ],
)
def test_what_is_off_is_named(engine: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=words):
        loaded(tmp_path, engine)


@pytest.mark.parametrize(("digest_of", "listed"), [("weights", 1), ("recipe", 0), ("address", 0)])
def test_a_registration_lists_the_weights_that_a_node_holds(digest_of: str, listed: int) -> None:
    """And no server's address: that would say of a model what nobody here has seen."""
    identity = SimpleNamespace(
        config=WorkerConfig(**{**WORKER, **{name: Path(WORKER[name]) for name in ("deployment", "data_dir", "keystore_dir")}}),
        deployment=SimpleNamespace(chain_id=31337, registry=f"0x{'11' * 20}"),
        owner=SimpleNamespace(address="0x5FbDB2315678afecb367f032d93F642f64180aa3"),
        engine=EngineInfo("any", "ab" * 32, "cpu", "none", 1024, digest_of=digest_of),  # type: ignore[arg-type]
        gateway_url="http://127.0.0.1:1",
        cards=(),
    )
    assert len(registration_file(identity, None).node.model_digests) == listed  # type: ignore[arg-type, union-attr]
