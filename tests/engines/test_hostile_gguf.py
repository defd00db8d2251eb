"""What a GGUF can do to the process that reads it stays there: the parent gets one typed error, and goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from multiprocessing import Pipe
from pathlib import Path
from random import Random

import gguf
import pytest

from agent_runtime.engines import llama_engine, open_engine
from agent_runtime.engines.child import Child
from agent_runtime.engines.llama_engine import MODULE, LlamaCppEngine
from agent_runtime.engines.weights import GGUF, SealedCopy, sha256_of
from agent_runtime.errors import EngineCrashed, EngineFailed, ModelCorrupt, ModelMissing
from agent_runtime.model.export import write_adapter_gguf
from symphony_chain.errors import SymphonyError
from symphony_chain.rpc import wait_until
from tests.engines.conftest import SHAPE, pin

pytestmark = [pytest.mark.llama, pytest.mark.skipif(find_spec("llama_cpp") is None, reason="needs llama-cpp-python")]

PROMPT = "Q: not True is\nA:"
REQUEST = {"n": 2, "temperature": 1.0, "seed": 3, "max_tokens": 8}
EXTREMES = (0, 1, 2, 3, 7, 31, 63, 64, 127, 255, 256, 1000, 1 << 16, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
EXTREMES += (1 << 40, 1 << 60, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


class Mutator:
    """Changes a file's header: bits, bytes, numbers of known fields set to extremes, bytes cut out, the end cut off."""

    def __init__(self, path: Path, seed: int) -> None:
        self._data = path.read_bytes()
        self._rng = Random(seed)
        reader = gguf.GGUFReader(str(path))
        self._header_bytes = int(reader.data_offset)
        start = reader.data.ctypes.data
        parts = [part for item in reader.fields.values() if len(item.parts) < 16 for part in item.parts]
        parts += [part for tensor in reader.tensors for part in tensor.field.parts]
        shape = [item.parts[-1] for name, item in reader.fields.items() if name.startswith("llama.")]
        self._numbers, self._shape = (
            [(part.ctypes.data - start, part.nbytes) for part in found if part.nbytes in (4, 8)] for found in (parts, shape)
        )
        reader.data._mmap.close()

    def next(self) -> bytes:
        """One mutated file."""
        rng, data = self._rng, bytearray(self._data)
        for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
            kind, at = rng.randrange(8), rng.randrange(self._header_bytes)
            if kind == 0:
                data[at] = rng.randrange(256)
            elif kind == 1:
                data[at] ^= 1 << rng.randrange(8)
            elif kind == 2:
                del data[at : at + rng.randrange(1, 9)]
            else:
                at, size = rng.choice(self._shape if kind == 3 else self._numbers)
                data[at : at + size] = (rng.choice(EXTREMES) % (1 << 8 * size)).to_bytes(size, "little")
        return bytes(data[: rng.randrange(self._header_bytes)] if rng.random() < 0.05 else data)


def survive(path: Path, folder: Path, count: int) -> Counter[str]:
    """Loads mutated files and generates with those that load, in one child until it dies, then in the next; counts what came of
    it. Anything but a typed error fails the test.
    """
    mutator, outcomes, child = Mutator(path, 7), Counter[str](), Child(MODULE, [], 30.0)
    target = folder / "mutated.gguf"
    try:
        for _ in range(count):
            target.write_bytes(mutator.next())
            if not child.alive:
                child.close()
                child = Child(MODULE, [], 30.0)
            try:
                opening = {"path": str(target), "context_tokens": None, "memory_limit_bytes": 1 << 30}
                child.ask(child.work, "loading", op="open", **opening)
                child.ask(child.work, "generating", op="generate", prompts=[PROMPT], stop=[], **REQUEST)
                outcomes["works"] += 1
            except SymphonyError as error:
                outcomes[type(error).__name__] += 1
    finally:
        child.close()
    return outcomes


def test_the_parent_survives_a_thousand_mutated_headers(tiny_folder: Path, tmp_path: Path) -> None:
    outcomes = survive(tiny_folder / GGUF, tmp_path, 1000)
    assert outcomes.total() == 1000 and outcomes["ModelCorrupt"] >= 500 and outcomes["works"] >= 20
    assert outcomes["EngineCrashed"] >= 1, "without a crash this proves nothing about crashes"
    assert set(outcomes) <= {"works", "ModelCorrupt", "EngineFailed", "EngineCrashed", "InvalidInput", "PromptTooLong"}


Open = Callable[..., LlamaCppEngine]


@pytest.fixture
def opened(tiny_folder: Path, tiny_sha256: str) -> Iterator[Open]:
    engines = []

    def make(path: Path = tiny_folder / GGUF, **options: object) -> LlamaCppEngine:
        engines.append(LlamaCppEngine(path, sha256=sha256_of(path), **options))  # type: ignore[arg-type]
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()
        engine.close()  # harmless


def pid_of(engine: LlamaCppEngine) -> int:
    assert engine._child is not None
    return engine._child._process.pid


def edited(source: Path, target: Path, field: str, value: int) -> Path:
    """A copy of a GGUF with one number of its header changed."""
    target.write_bytes(source.read_bytes())
    reader = gguf.GGUFReader(str(target), "r+")
    reader.fields[field].parts[-1][0] = value
    reader.data.flush()
    reader.data._mmap.close()
    return target


def test_a_failed_assertion_is_one_typed_error(opened: Open, tiny_folder: Path, tmp_path: Path) -> None:
    """A model without layers: llama.cpp aborts."""
    path = edited(tiny_folder / GGUF, tmp_path / "aborts.gguf", "llama.block_count", 0)
    with pytest.raises(EngineCrashed, match=r"SIGABRT while loading .*aborts\.gguf \(.*GGML_ASSERT"):
        opened(path)
    assert opened().generate([PROMPT], **REQUEST)[0][0].token_ids


@pytest.mark.parametrize("context_tokens", [0, 7, (1 << 32) - 1])
def test_a_context_that_cannot_be_is_one_typed_error(
    context_tokens: int, opened: Open, tiny_folder: Path, tmp_path: Path
) -> None:
    path = edited(tiny_folder / GGUF, tmp_path / "odd.gguf", "llama.context_length", context_tokens)
    with pytest.raises(ModelCorrupt, match="context"):
        opened(path)


def test_more_memory_than_the_limit_is_one_typed_error(opened: Open) -> None:
    with pytest.raises((EngineFailed, ModelCorrupt)):
        opened(memory_limit_bytes=1 << 20)
    with pytest.raises((EngineFailed, ModelCorrupt)):
        opened(memory_limit_bytes=12 << 20)
    assert opened(memory_limit_bytes=512 << 20).generate([PROMPT], **REQUEST)[0][0].token_ids


def test_a_killed_child_is_replaced_and_goes_on_the_same(
    opened: Open, tmp_path: Path, save_adapter: Callable[[Path, int], Path]
) -> None:
    engine = opened()
    write_adapter_gguf(save_adapter(tmp_path / "a", 1), SHAPE, tmp_path / "a.gguf")
    base = engine.generate([PROMPT], **REQUEST)
    engine.load_adapter(pin(tmp_path / "a.gguf"))
    adapted = engine.generate([PROMPT], **REQUEST)
    first = pid_of(engine)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not engine._child.alive, 10, 0.01, what="the end of the child")  # type: ignore[union-attr]
    assert engine.generate([PROMPT], **REQUEST) == adapted != base
    os.kill(pid_of(engine), signal.SIGKILL)
    wait_until(lambda: not engine._child.alive, 10, 0.01, what="the end of the child")  # type: ignore[union-attr]
    assert engine.count_tokens(PROMPT) > 3 and pid_of(engine) != first


def test_a_child_that_dies_over_an_answer_is_one_typed_error(opened: Open) -> None:
    engine = opened()
    pid = pid_of(engine)
    os.kill(pid, signal.SIGSTOP)  # it will not answer before it is killed
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(engine.generate, [PROMPT], **REQUEST)  # type: ignore[arg-type]
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(EngineCrashed, match="SIGKILL while generating") as caught:
            answer.result()
    assert caught.value.code == "engine.crashed" and caught.value.hint
    assert engine.generate([PROMPT], **REQUEST)[0][0].token_ids


def test_a_child_that_hangs_is_killed(opened: Open) -> None:
    engine = opened()
    engine._child._silence_s = 0.3  # type: ignore[union-attr]
    pid = pid_of(engine)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(EngineCrashed, match="no sign of life for 0.3 s"):
        engine.generate([PROMPT], **REQUEST)
    assert not Path(f"/proc/{pid}").exists()


def test_a_hang_on_load_is_ended(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama_engine, "MODULE", "tests.engines.silent")
    with pytest.raises(EngineCrashed, match="no sign of life for 0.3 s while loading"):
        opened(silence_s=0.3)


def test_a_broken_adapter_costs_one_error(opened: Open, tmp_path: Path) -> None:
    engine = opened()
    base = engine.generate([PROMPT], **REQUEST)
    (tmp_path / "adapter.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises((ModelCorrupt, EngineCrashed)):
        engine.load_adapter(pin(tmp_path / "adapter.gguf"))
    with pytest.raises(ModelMissing):
        engine.load_adapter(tmp_path / "absent.gguf")
    assert engine.generate([PROMPT], **REQUEST) == base


def test_an_adapter_is_opened_only_where_its_bytes_are_vouched_for(
    opened: Open, tmp_path: Path, save_adapter: Callable[[Path, int], Path]
) -> None:
    """Unpinned, or changed since: refused before native code reads it. Changed while it is on: the child that comes next has the
    bytes that were pinned.
    """
    engine = opened()
    path = tmp_path / "a.gguf"
    write_adapter_gguf(save_adapter(tmp_path / "a", 1), SHAPE, path)
    base = engine.generate([PROMPT], **REQUEST)
    with pytest.raises(ModelCorrupt, match="not pinned") as caught:
        engine.load_adapter(path)
    assert sha256_of(path) in caught.value.hint and "manifest.json" in caught.value.hint
    good = pin(path).read_bytes()
    path.write_bytes(good[:-1] + b"x")
    with pytest.raises(ModelCorrupt, match="its manifest pins"):
        engine.load_adapter(path)
    assert engine.generate([PROMPT], **REQUEST) == base, "what was refused changed nothing"
    path.write_bytes(good)
    engine.load_adapter(path)
    adapted = engine.generate([PROMPT], **REQUEST)
    path.write_bytes(b"GGUF" + bytes(1000))
    os.kill(pid_of(engine), signal.SIGKILL)
    wait_until(lambda: not engine._child.alive, 10, 0.01, what="the end of the child")  # type: ignore[union-attr]
    assert engine.generate([PROMPT], **REQUEST) == adapted != base


def test_what_was_hashed_is_what_is_loaded(opened: Open, tiny_folder: Path, tmp_path: Path) -> None:
    """The file is swapped after the check; the bytes in use are those of the check, and nobody can write to them."""
    path = tmp_path / "swapped.gguf"
    path.write_bytes((tiny_folder / GGUF).read_bytes())
    engine = opened(path)
    before = engine.generate([PROMPT], **REQUEST)
    path.write_bytes(b"GGUF" + bytes(1000))
    os.kill(pid_of(engine), signal.SIGKILL)
    wait_until(lambda: not engine._child.alive, 10, 0.01, what="the end of the child")  # type: ignore[union-attr]
    assert engine.generate([PROMPT], **REQUEST) == before
    with pytest.raises(PermissionError):
        os.pwrite(engine._copy.descriptor, b"GGUF", 0)


def test_a_sealed_copy_holds_the_bytes_that_it_hashed(tmp_path: Path) -> None:
    source = tmp_path / "file"
    source.write_bytes(b"some bytes" * 1000)
    copy = SealedCopy(source)
    assert (copy.sha256, copy.bytes) == (sha256_of(source), 10_000)
    assert Path(copy.path).read_bytes() == source.read_bytes()
    copy.close()
    copy.close()
    with pytest.raises(ModelMissing):
        SealedCopy(tmp_path / "none")


def test_the_child_sees_no_secrets_of_the_environment(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-secret")
    environment = Path(f"/proc/{pid_of(opened())}/environ").read_bytes()
    assert b"sk-secret" not in environment and b"GGML_NO_BACKTRACE=1" in environment


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"[]", EngineCrashed),
        (b"no JSON", EngineCrashed),
        (b"{}", EngineCrashed),
        (b'{"error": 7}', EngineCrashed),
        (b'{"error": {"code": "x"}}', EngineCrashed),
        (b'{"result": 7}', EngineFailed),
        (b'{"result": [[{"text": "one of two", "token_ids": [], "logprobs": [], "finish": ""}]]}', EngineFailed),
        (b'{"result": [[{"text": 1}, {}]]}', EngineFailed),
        (b'{"error": {"code": "x", "message": "m", "hint": "h", "context": {}}}', EngineFailed),
    ],
)
def test_a_child_that_is_no_longer_itself_is_not_believed(answer: bytes, kind: type[EngineFailed], opened: Open) -> None:
    engine = opened()
    assert engine._child is not None
    near, far = Pipe()
    old, engine._child.work.connection = engine._child.work.connection, near  # closed, the child would end, and be replaced
    far.send_bytes(answer)
    with pytest.raises(kind) as caught:
        engine.generate([PROMPT], **REQUEST)
    assert type(caught.value) is kind
    far.close()
    old.close()


def test_tokens_are_counted_while_an_answer_is_made(opened: Open) -> None:
    engine = opened()
    assert engine._child is not None
    with engine._child.work.lock:  # as during an answer
        assert engine.count_tokens("1 2 3") >= 3


def test_the_child_ends_with_its_parent(tiny_folder: Path, tiny_sha256: str) -> None:
    script = (
        "import os, sys\n"
        "from agent_runtime.engines import open_engine\n"
        "engine = open_engine(sys.argv[1], sha256=sys.argv[2])\n"
        "print(engine._child._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", script, str(tiny_folder / GGUF), tiny_sha256], capture_output=True, timeout=120
    )
    pid = int(parent.stdout)
    wait_until(lambda: _gone(pid), 10, 0.01, what="the child's end")


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except OSError:
        return True


def test_the_library_may_be_missing(tiny_folder: Path, tiny_sha256: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "llama_cpp.py").write_text("raise ImportError('not here')")
    package = Path(llama_engine.__file__).resolve().parents[2]
    monkeypatch.setattr(
        "agent_runtime.engines.child._environment", lambda: {"PYTHONPATH": f"{tmp_path}{os.pathsep}{package}"}
    )
    with pytest.raises(EngineFailed, match="not installed"):
        open_engine(str(tiny_folder / GGUF), sha256=tiny_sha256)
