"""The built-in model in a worker: what it thinks is what it commits to, sample by sample."""

from __future__ import annotations

from random import Random

import pytest

from agent_runtime.config import EngineConfig
from agent_runtime.engines import open_engine
from agent_runtime.model.families import FAMILIES
from agent_runtime.reasoning.cot import ThinkingPolicy, task_prompt
from symphony_chain.content import Cid, ContentStore
from symphony_chain.spec import TaskBody, Trace
from symphony_chain.types import State
from tests.runtime.conftest import Buyer, ConfigFor, question
from tests.runtime.processes import WorkerProcess

pytest.importorskip("torch")


def test_the_built_in_model_answers_and_anyone_can_repeat_it(buyer: Buyer, config_for: ConfigFor) -> None:
    example = FAMILIES["boolean_expressions"].generate(Random(5), 1)
    config = config_for(
        "thinker",
        engine=EngineConfig(spec="torch"),
        skills={"boolean_expressions": 9_000},
        thinking=ThinkingPolicy(samples=3, temperature=0.8, max_tokens=256),
    )
    request = question(
        example.prompt, answer_format=example.answer_format, skills={"boolean_expressions": 10_000}, k=1
    )
    with WorkerProcess(config) as worker:
        worker.start()
        worker.wait_ready()
        posted = buyer.requester.post(request, "model")
        outcome = buyer.requester.drive(posted)
        assert worker.stop() == 0, worker.stderr
    assert outcome.state is State.SETTLED and outcome.answer in ("true", "false")

    with ContentStore(config.content_path, max_bytes=1 << 24) as store:
        (evidence,) = [root for root in _traces(store) if root.answer == outcome.answer]
    engine = open_engine("torch")
    prompt = task_prompt(TaskBody(example.prompt))
    s = evidence.sampling
    again = engine.generate([prompt], n=s.n, temperature=s.temperature, seed=s.seed, max_tokens=s.max_tokens)[0]
    engine.close()
    assert [sample.text for sample in evidence.samples] == [sample.text for sample in again]
    assert evidence.engine == "torch" and evidence.model_digest.hex() == engine.info.model_sha256


def _traces(store: ContentStore) -> list[Trace]:
    """Every trace in a store."""
    roots = [Cid.read(row[0])[0] for row in store._meta._db.execute("SELECT cid FROM roots WHERE kind = 'trace'")]
    return [Trace.parse(store.get(root, 1 << 20)) for root in roots]
