"""The SDK for the chain: contracts, devnets, transactions, keys, signatures, content. Knows no models and no SQL."""

import sys

import py_ecc  # noqa: F401

# py_ecc (under eth_account) raises Python's recursion limit to 100,000 when it is imported. JSON that a stranger nested
# deeply would then overrun the C stack and kill the process instead of raising RecursionError. It has had its say now.
PY_ECC_LIMIT = 100_000
if sys.getrecursionlimit() == PY_ECC_LIMIT:
    sys.setrecursionlimit(1_000)
