"""Which family comes next: shares that follow the error rates, so that what is learned makes room for what is
not.

The error rate costs nothing: a training example counts as solved if every token of its worked answer was the
model's first choice given the ones before, which is when greedy decoding would have written it. Knows no
torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

LEVEL_SHARES = {1: 0.10, 2: 0.15, 3: 0.55, 4: 0.12, 5: 0.08}
FLOOR = 0.10  # share weight of a family that makes no mistake at all
DRILL_FLOOR, DRILL_SPAN = 0.02, 0.16  # share of all examples: falls from 18 % to 2 % as copying is learned
MEMORY = 0.99  # of the moving averages, per example


@dataclass(slots=True)
class AdaptiveMix:
    """Moving averages per family and the draw of the next (family, level).

    Args:
        families: names of the families; ``drills``: names of the helpers.
        priors: factor on a family's share (1 where absent).
    """

    families: list[str]
    drills: list[str]
    priors: dict[str, float] = field(default_factory=dict)
    solved: dict[str, float] = field(default_factory=dict)
    solved_at: dict[str, float] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)

    def shares(self) -> dict[str, float]:
        """Probability of each family and drill for the next example."""
        drill_error = 1 - sum(self.solved.get(name, 0.0) for name in self.drills) / max(1, len(self.drills))
        drill_share = (DRILL_FLOOR + DRILL_SPAN * drill_error) if self.drills else 0.0
        weights = {
            name: self.priors.get(name, 1.0)
            * (FLOOR + 1 - self.solved.get(name, 0.0))
            / self.tokens.get(name, 200.0) ** 0.5
            for name in self.families
        }
        scale = (1 - drill_share) / sum(weights.values())
        return {name: w * scale for name, w in weights.items()} | {
            name: drill_share / len(self.drills) for name in self.drills
        }

    def draw(self, rng: Random, count: int) -> list[tuple[str, int]]:
        """``count`` pairs of family and level."""
        shares = self.shares()
        names = rng.choices(list(shares), list(shares.values()), k=count)
        levels = rng.choices(list(LEVEL_SHARES), list(LEVEL_SHARES.values()), k=count)
        return list(zip(names, levels, strict=True))

    def observe(self, family: str, level: int, solved: bool, tokens: int) -> None:
        """Take one training example's outcome in."""
        self.solved[family] = MEMORY * self.solved.get(family, 0.0) + (1 - MEMORY) * solved
        key = f"{family}/{level}"
        self.solved_at[key] = MEMORY * self.solved_at.get(key, 0.0) + (1 - MEMORY) * solved
        self.tokens[family] = MEMORY * self.tokens.get(family, float(tokens)) + (1 - MEMORY) * tokens
