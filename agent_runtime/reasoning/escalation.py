"""Risk of a seat's vote: low, and it commits; medium, and it thinks more; high, and it asks a person. Pure.

The formula is the risk guard's of Symphony 2.0 (``core/risk_guard.py`` there), with its weights and thresholds:

    risk = 0.45 disagreement + 0.30 instability + 0.20 domain + 0.05 history

    disagreement   1 − share of the most frequent answer; 1 where no chain has one
    instability    1 − 3 · (lead of the first over the second answer, as a share), at least 0; 0 where all agree, 0.7 where none
    domain         0.6 for a skill of medicine, finance or law, 0.7 where the task's own words are of them
    history        1 − confidence from past scores on the task's skills

Chains count the same here, whatever they weigh in the vote: it is the dissent that matters. Knows no engine and no blocks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from symphony_chain.errors import InvalidInput

DOMAINS = ("medic", "financ", "legal", "law")
#: Beginnings of words. The guard's own list also has "treat", "trade" and "legal": puzzles trade gifts and count treats.
_WORDS = re.compile(
    r"\b(diagnos|dosage|dose|prescri|symptom|medicat|invest|mortgage|loan|lawsuit|attorney|plaintiff|liabilit)", re.IGNORECASE
)
_SKILL_RISK, _WORD_RISK = 0.6, 0.7


class Level(StrEnum):
    """What a risk asks for."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Risk:
    """The four parts, each 0…1."""

    disagreement: float
    instability: float
    domain: float
    history: float

    @property
    def score(self) -> float:
        """0…1, to nine decimals: what a trace can repeat."""
        parts = 0.45 * self.disagreement + 0.30 * self.instability + 0.20 * self.domain + 0.05 * self.history
        return round(min(1.0, max(0.0, parts)), 9)


@dataclass(frozen=True, slots=True)
class EscalationPolicy:
    """When an agent thinks more, and when it asks a person.

    Attributes:
        extra_samples: chains drawn once more where the risk is medium.
        medium, high: least risks of these levels; with ``high`` above 1 nobody is ever asked, with ``medium`` above 1 nothing is
            ever drawn again.
    """

    extra_samples: int = 2
    medium: float = 0.45
    high: float = 0.70

    def __post_init__(self) -> None:
        if self.extra_samples < 1 or not 0 <= self.medium <= self.high:
            raise InvalidInput(
                f"escalation with {self.extra_samples} extra samples, medium {self.medium:g}, high {self.high:g}",
                hint="use at least one extra sample, and 0 ≤ medium ≤ high",
            )

    def level(self, risk: Risk) -> Level:
        """The level of a risk."""
        if risk.score >= self.high:
            return Level.HIGH
        return Level.MEDIUM if risk.score >= self.medium else Level.LOW


def assess(answers: Sequence[bytes | None], *, domain: float, history: float) -> Risk:
    """The risk of a vote among chains; None: a chain without an answer, which neither agrees nor disagrees."""
    counts = sorted(Counter(answer for answer in answers if answer is not None).values(), reverse=True)
    if not counts:
        return Risk(1.0, 0.7, domain, history)
    cast = sum(counts)
    if len(counts) == 1:
        return Risk(0.0, 0.0, domain, history)
    lead = (counts[0] - counts[1]) / cast
    return Risk(round(1 - counts[0] / cast, 9), round(max(0.0, 1 - 3 * lead), 9), domain, history)


def domain_risk(skills: Sequence[str], text: str) -> float:
    """Of a task, by its skills' tags and its words."""
    if _WORDS.search(text):
        return _WORD_RISK
    return _SKILL_RISK if any(domain in tag.lower() for tag in skills for domain in DOMAINS) else 0.0
