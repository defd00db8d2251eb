"""`symphony agent bench` on what it may be pointed at, and what it says where nothing is."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from agent_runtime.engines.weights import GGUF, read_manifest, shipped_folder
from symphony.cli.engine_options import engine_config
from tests.cli.conftest import invoke
from tests.engines.faulty_server import FaultyServer, completion

SMALL = ("--families", "boolean_expressions", "--tasks", 1, "--samples", 2, "--max-tokens", 48)
needs_llama = pytest.mark.skipif(find_spec("llama_cpp") is None, reason="needs llama-cpp-python")


@pytest.mark.llama
@needs_llama
def test_a_gguf_by_its_path() -> None:
    ran = invoke("agent", "bench", shipped_folder() / GGUF, *SMALL, "--json")
    assert ran.code == 0, ran.out
    found, manifest = ran.json, read_manifest(shipped_folder())
    assert manifest is not None
    assert found["engine"]["model_sha256"] == manifest["files"][GGUF]["sha256"]
    assert (found["engine"]["engine"], found["engine"]["digest_of"], found["tasks"]) == ("llama_cpp", "weights", 1)
    assert found["greedy"]["tokens"] > 3 and found["sampled"]["samples"] == 2
    assert found["greedy"]["tokens_per_second"] > 0 and found["peak_memory_bytes"] > 20 << 20
    assert set(found["families"]) == {"boolean_expressions"}


def test_a_server_by_its_url(tmp_path: Path) -> None:
    """Text for a person; the server always says the same, and gets no credit for it."""
    (tmp_path / "key").write_text("sk-bench")
    with FaultyServer([completion("I do not know.")]) as server:
        ran = invoke("agent", "bench", server.url, *SMALL, "--key-file", tmp_path / "key", "--context", 512)
    assert ran.code == 0, ran.err
    assert "openai, unknown on remote, context 512" in ran.out and "weights are not ours to see" in ran.out
    assert "not measured" in ran.out and "0.0 %" in ran.out
    assert "sk-bench" not in ran.out + ran.err
    assert all(headers["authorization"] == "Bearer sk-bench" for _, _, headers, _ in server.requests)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("/nowhere/model",), 3, "nothing at /nowhere/model"),
        (("gpt",), 3, "nothing at"),
        (("torch", "--chat"), 2, "no chat"),
        (("llama_cpp", "--families", "flying"), 2, "flying"),
        (("http://user:secret@host",), 2, "credentials"),
        (("https://host.example", "--key-env", "NO_SUCH_KEY"), 2, "NO_SUCH_KEY"),
        (("torch", "--key", "sk-on-the-line"), 2, "No such option"),
    ],
)
def test_bad_input_is_one_error(arguments: tuple[str, ...], code: int, words: str) -> None:
    ran = invoke("agent", "bench", *arguments, "--json")
    assert ran.code == code and words in ran.error["message"] and "secret" not in ran.out


def test_paths_of_a_command_line_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"sha256": None, "context_tokens": None, "model": None, "chat": False, "key_env": None}
    given |= {"key_file": Path("key"), "deadline_s": 5.0, "request_interval_s": 0.0}
    config = engine_config("models/a.gguf", given)
    assert config.spec == str(tmp_path / "models" / "a.gguf") and config.key_file == tmp_path / "key" and given == {}
