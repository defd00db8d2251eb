"""Accuracy of an engine on tasks: greedy, one sample, and plurality votes of three and five samples. Knows no
training.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from agent_runtime.engines import Engine, Sample
from agent_runtime.model.datasets import TaskItem, is_right
from agent_runtime.model.prompting import extract_answer, format_prompt
from symphony_chain.errors import InvalidInput
from symphony_chain.spec import canonical

SAMPLES = 5
BATCH_TASKS = 50


@dataclass(frozen=True, slots=True)
class Scores:
    """Shares in [0, 1] of one set of tasks; ``single_sample`` is the mean over all samples."""

    tasks: int
    greedy: float
    single_sample: float
    votes_3: float
    votes_5: float
    any_of_5: float
    greedy_tokens: float

    def standard_error(self) -> float:
        """Of ``greedy``."""
        return sqrt(self.greedy * (1 - self.greedy) / self.tasks)


def score(
    engine: Engine, tasks: Sequence[TaskItem], *, temperature: float, seed: int, max_tokens: int
) -> Scores:
    """Measure an engine on tasks, ``BATCH_TASKS`` at a time.

    Raises:
        InvalidInput: no task was given. PromptTooLong: a task does not fit the model.
    """
    if not tasks:
        raise InvalidInput("there is nothing to measure", hint="give at least one task")
    greedy, single, three, five, some = 0.0, 0.0, 0.0, 0.0, 0.0
    tokens = 0
    for start in range(0, len(tasks), BATCH_TASKS):
        batch = tasks[start : start + BATCH_TASKS]
        prompts = [format_prompt(task.prompt) for task in batch]
        first = engine.generate(prompts, n=1, temperature=0.0, seed=seed, max_tokens=max_tokens)
        drawn = engine.generate(
            prompts, n=SAMPLES, temperature=temperature, seed=seed + start, max_tokens=max_tokens
        )
        for task, best, samples in zip(batch, first, drawn, strict=True):
            answers = [answer_of(sample, task) for sample in samples]
            greedy += is_right(task, answer_of(best[0], task))
            tokens += len(best[0].token_ids)
            right = [is_right(task, answer) for answer in answers]
            single += sum(right) / SAMPLES
            three += is_right(task, plurality(answers[:3]))
            five += is_right(task, plurality(answers))
            some += any(right)
    shares = [round(value / len(tasks), 4) for value in (greedy, single, three, five, some)]
    return Scores(
        len(tasks), shares[0], shares[1], shares[2], shares[3], shares[4], round(tokens / len(tasks), 1)
    )


def answer_of(sample: Sample, task: TaskItem) -> str | None:
    """The canonical answer of a completion, or None where there is none."""
    found = extract_answer(sample.text)
    if found is None:
        return None
    try:
        return canonical(found, task.answer_format).decode()
    except InvalidInput:
        return None


def plurality(answers: Sequence[str | None]) -> str | None:
    """The most frequent answer; missing ones do not vote, and a tie goes to the one that came first."""
    cast = Counter(answer for answer in answers if answer is not None)
    return cast.most_common(1)[0][0] if cast else None
