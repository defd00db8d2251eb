"""Evaluation: what agents and the market's rules are worth on tasks whose answers are known.

Chains of thought are drawn once and kept; every policy and every number of votes is computed from them. Knows no chain of blocks:
the live market is driven by ``symphony``.
"""
