"""Reasoning: sampled chains of thought, answer extraction, and the vote among a seat's own samples.

Knows nothing of chains of blocks, bids or money.
"""
