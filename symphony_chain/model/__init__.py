"""Reference model of the contracts: plain, slow, readable Python that says what the bytecode must do.

Knows nothing of RPC, calldata or signatures' bytes: who signed is handed in as data.
"""
