"""The one template of the built-in model: how a task becomes a prompt, and a worked answer a completion.

Training, evaluation and the callers of engines share it (``engine.generate`` takes text that is already
formatted). Knows no engine.
"""

from __future__ import annotations

ANSWER_MARK = "####"


def format_prompt(prompt: str) -> str:
    """Text that the model continues: ``Q: <prompt>`` and ``A:`` with no blank behind it (completions begin
    with their own).
    """
    return f"Q: {prompt.strip()}\nA:"


def format_completion(reasoning: str, answer: str) -> str:
    """Worked answer as the model writes it, without the end token: the steps, then ``#### answer`` on the
    last line.
    """
    return f"{reasoning}\n{ANSWER_MARK} {answer}"


def extract_answer(text: str) -> str | None:
    """The answer line of a completion, or None where the model never came to an answer."""
    _, mark, tail = text.partition(ANSWER_MARK)
    return tail.split("\n", 1)[0].strip() if mark else None
