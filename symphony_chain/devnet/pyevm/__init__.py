"""An Ethereum node in one Python process: py-evm behind our own block builder, indexes and JSON-RPC server.

Run it with ``python -m symphony_chain.devnet.pyevm``. Does not persist: every start is a new chain.
"""
