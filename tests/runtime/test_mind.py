"""What a worker's configuration puts on its engine: an adapter, named in its traces, and a calibration that must be of both."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from agent_runtime.bidding import BidPolicy, confidence_bps
from agent_runtime.errors import CalibrationInvalid, ModelMissing
from agent_runtime.reasoning.calibration import Calibration, SkillCalibration, model_name
from symphony_chain.content import Cid, ContentStore
from symphony_chain.deploy import Deployment
from symphony_chain.events import AnswerRevealed, BidPosted
from symphony_chain.rpc import Rpc
from symphony_chain.skills import DEFAULT_PAGE_ID, DEFAULT_TAGS, word_of_tags
from symphony_chain.spec import Trace
from symphony_chain.types import Task
from tests.runtime.conftest import Buyer, ConfigFor, question
from tests.runtime.people import RunningWorker, events_of
from tests.runtime.scripted import ScriptedEngine, add_up

SKILL = "arithmetic_word_problems"


class Adapted(ScriptedEngine):
    """Remembers its adapters."""

    def __init__(self) -> None:
        super().__init__(add_up)
        self.adapters: list[Path | None] = []

    def load_adapter(self, path: Path | None) -> None:
        self.adapters.append(path)


def calibration(adapter: str = "", samples: int = 3) -> Calibration:
    """Nine of ten tasks right, whatever the evidence."""
    skill = SkillCalibration.fit([0.9] * 50, [i % 10 > 0 for i in range(50)])
    return Calibration(model_name("scripted", "ab" * 32, adapter), 0.8, samples, {SKILL: skill})


def asks(**skills: int) -> Task:
    values = dict.fromkeys(Task.__slots__, 0)
    return Task(**(values | {"page_id": DEFAULT_PAGE_ID, "requirement": word_of_tags(skills)}))  # type: ignore[arg-type]


def test_measured_shares_are_the_priors_of_confidence() -> None:
    policy, task = BidPolicy(prior_bps=5_000, prior_strength=4), asks(navigate=10_000)
    assert confidence_bps(task, {}, policy) == 5_000
    assert confidence_bps(task, {}, policy, {"navigate": 9_000}) == 9_000
    assert confidence_bps(task, {}, policy, {"text2sql": 9_000}) == 5_000, "what was not measured keeps the policy's prior"
    mixed = asks(navigate=7_500, text2sql=2_500)
    assert confidence_bps(mixed, {}, policy, {"navigate": 9_000}) == (3 * 9_000 + 5_000) // 4
    lane = DEFAULT_TAGS.index("navigate")
    lost = {(DEFAULT_PAGE_ID, lane): (4 * 10_000, 0)}
    assert confidence_bps(task, lost, policy, {"navigate": 9_000}) == 4_500, "four lost seats weigh as much as the prior"
    strange = replace(task, page_id=bytes(32))
    assert confidence_bps(strange, {}, policy, {"navigate": 9_000}) == 5_000, "another page has other tags"


def test_a_worker_wears_its_adapter_and_bids_what_it_measured(
    buyer: Buyer, config_for: ConfigFor, rpc: Rpc, deployment: Deployment, tmp_path: Path
) -> None:
    adapter, measured = tmp_path / "adapter.gguf", tmp_path / "calibration.json"
    adapter.write_bytes(b"a few weights")
    digest = hashlib.sha256(b"a few weights").digest()
    calibration(digest.hex()).save(measured)
    config, engine = config_for("skilled", adapter=adapter, calibration=measured), Adapted()
    with RunningWorker(config, engine):
        posted = buyer.requester.post(question(k=1), "mind")
        outcome = buyer.requester.drive(posted)
    assert engine.adapters == [adapter] and outcome.answer == "42"
    (bid,) = events_of(rpc, deployment, BidPosted, task_id=posted.task_id)
    assert bid.confidence_bps == 9_000
    (reveal,) = events_of(rpc, deployment, AnswerRevealed, task_id=posted.task_id)
    with ContentStore(config.content_path, max_bytes=1 << 24) as store:
        trace = Trace.parse(store.get(Cid.from_digest(reveal.evidence_digest), 1 << 20))
    assert trace.adapter_digests == (digest,)


def test_a_calibration_of_something_else_and_a_missing_adapter_stop_the_start(config_for: ConfigFor, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    for other in (calibration("cd" * 32), calibration(samples=5)):
        other.save(path)
        with pytest.raises(CalibrationInvalid, match="the calibration is of"), RunningWorker(
            config_for(f"other-{other.samples}", calibration=path), Adapted()
        ):
            pass
    with pytest.raises(ModelMissing), RunningWorker(config_for("bare", adapter=tmp_path / "none.gguf"), Adapted()):
        pass
