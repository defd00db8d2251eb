"""The mind of Symphony: engines, the built-in model, reasoning, bidding, the worker and the requester side.

Importing this package imports no model library.
"""
