"""A worker names the cards of what it thinks with, and leaves out what is no card of that; gateways get copies."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent_runtime.config import WorkerConfig
from agent_runtime.engines.config import EngineConfig
from agent_runtime.engines.protocol import EngineInfo
from agent_runtime.jobs import Inline
from agent_runtime.own_cards import MAX_FILE_BYTES, own_cards
from agent_runtime.worker_copies import RETRY_BLOCKS, Copies
from symphony_chain.canonical import sha256
from symphony_chain.content import Cid, ContentStore
from symphony_chain.content.errors import UploadRefused
from symphony_chain.spec import CardTraining, CardWeights, ModelCard, Registration
from tests.runtime.conftest import ConfigFor
from tests.runtime.people import RunningWorker
from tests.runtime.scripted import ScriptedEngine, add_up

INFO = EngineInfo("scripted", "ab" * 32, "cpu", "none", 1024)
ADAPTER = b"a few weights"


def card(digest: bytes, kind: str = "model") -> ModelCard:
    base = bytes(32) if kind == "adapter" else None
    weights = (CardWeights("gguf", digest, 5),)
    return ModelCard(f"{kind}-1", kind, weights, "MIT", "", "Little.", 7, 64, CardTraining(1, 2, 3, 4, 5), base=base)


MINE = card(bytes.fromhex("ab" * 32))
WORN = card(hashlib.sha256(ADAPTER).digest(), "adapter")


def config(engine: EngineConfig, adapter: Path | None = None) -> WorkerConfig:
    nowhere = (Path("nowhere"),) * 3
    return WorkerConfig("ada", "http://127.0.0.1:1", *nowhere, "owner", "operator", {}, engine=engine, adapter=adapter)


def put(folder: Path, data: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "card.json").write_bytes(data)
    return folder


def test_where_cards_lie(tmp_path: Path) -> None:
    """Beside the weights, whether a folder or a file is named; beside the adapter; nowhere for what is not held here."""
    folder = put(tmp_path / "model", json.dumps(json.loads(MINE.to_json()), indent=2).encode() + b"\n")
    file, worn = folder / "model.gguf", put(tmp_path / "worn", WORN.to_json())
    file.write_bytes(b"GGUF")
    for engine in (EngineConfig("torch", weights=folder), EngineConfig(str(folder)), EngineConfig(str(file))):
        assert own_cards(config(engine), INFO, ()) == (MINE,)
    both = config(EngineConfig(str(folder)), worn)
    assert own_cards(both, INFO, (sha256(ADAPTER),)) == (MINE, WORN)
    (worn / "a.gguf").write_bytes(ADAPTER)
    both = config(EngineConfig("tests.runtime.scripted:engine"), worn / "a.gguf")
    assert own_cards(both, INFO, (sha256(ADAPTER),)) == (WORN,)
    assert own_cards(config(EngineConfig("http://127.0.0.1:1")), INFO, ()) == ()
    recipe = dataclasses.replace(INFO, digest_of="recipe")
    assert own_cards(config(EngineConfig("torch", weights=folder)), recipe, ()) == ()
    assert own_cards(config(EngineConfig(str(tmp_path))), INFO, ()) == (), "there need not be one"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[]", "must be an object"),
        (b" " * (MAX_FILE_BYTES + 2), "at most"),
        (MINE.to_json().replace(b'"licence":"MIT"', b'"licence":""'), "card.licence"),
        (MINE.to_json().replace(b'"parameters":7', b'"parameters":7.5'), "card.parameters"),
        (card(bytes(32)).to_json(), "other weights"),
        (card(bytes.fromhex("ab" * 32), "adapter").to_json(), "lies beside a model"),
    ],
)
def test_a_wrong_card_is_left_out(data: bytes, why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = put(tmp_path / "model", data)
    with caplog.at_level(logging.WARNING):
        assert own_cards(config(EngineConfig("torch", weights=folder)), INFO, ()) == ()
    (line,) = [json.loads(record.message) for record in caplog.records]
    assert line["event"] == "card_left_out" and line["path"] == str(folder / "card.json") and why in line["detail"]


def test_a_card_that_is_a_folder_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "card.json").mkdir()
    with caplog.at_level(logging.WARNING):
        assert own_cards(config(EngineConfig(str(tmp_path))), INFO, ()) == ()
    assert "cannot be read" in caplog.text


class Adapted(ScriptedEngine):
    """Takes any adapter."""

    def load_adapter(self, path: Path | None) -> None:
        pass


def test_a_worker_names_its_cards(config_for: ConfigFor, tmp_path: Path) -> None:
    """The file on chain names what its store holds, and a new card is another file under the same number."""
    model, worn = put(tmp_path / "model", MINE.to_json()), put(tmp_path / "worn", WORN.to_json())
    (worn / "adapter_model.safetensors").write_bytes(ADAPTER)
    config = config_for("carded", engine=EngineConfig("torch", weights=model), adapter=worn)

    def run() -> tuple[int, Registration, tuple[ModelCard, ...]]:
        with RunningWorker(config, Adapted(add_up)) as running:
            agent_id = running.worker.agent_id
            agent = running.worker.view.book.agent(agent_id)
        assert agent is not None
        with ContentStore(config.content_path, max_bytes=1 << 24) as store:
            file = Registration.parse(store.get(Cid.from_digest(agent.file_digest), 1 << 20))
            cards = [store.get(Cid.from_digest(digest), 1 << 20) for digest in file.node.model_cards]
        return agent_id, file, tuple(map(ModelCard.parse, cards))

    agent_id, file, cards = run()
    assert cards == (MINE, WORN) and file.node.model_digests == (bytes.fromhex("ab" * 32),)
    better = dataclasses.replace(MINE, description="Measured again.")
    put(model, better.to_json())
    put(worn, b"no card")
    assert run()[0] == agent_id and run()[2] == (better,)


def test_gateways_get_cards_after_the_file_that_names_them() -> None:
    """A gateway takes a card because it has read the file; one that refused the file is asked again for both."""
    files = {sha256(data): data for data in (b"file", b"card")}
    core: Any = SimpleNamespace(
        agent_id=3,
        head=SimpleNamespace(number=100),
        me=SimpleNamespace(file_digest=sha256(b"file")),
        content=SimpleNamespace(get=lambda cid, max_bytes: files[cid.digest]),
    )
    asked: list[tuple[bytes, str, dict[str, Any]]] = []
    ready = False

    def bring(url: str, data: bytes, kind: str, of: Mapping[str, str | int]) -> None:
        asked.append((data, kind, dict(of)))
        if not ready:
            raise UploadRefused("the index lags", hint="later")

    copies = Copies(core, Inline(), ("http://gateway",), cards=(sha256(b"card"),), put=bring)
    for core.head.number in range(100, 100 + RETRY_BLOCKS):
        copies.step([])
    assert asked == [(b"file", "registration", {"agent": 3})]
    ready = True
    for core.head.number in range(200, 210):
        copies.step([])
    assert asked[1:] == [(b"file", "registration", {"agent": 3}), (b"card", "card", {"agent": 3})]
