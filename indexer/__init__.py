"""The index: projections of the chain into SQL, rebuild and audit. Knows nothing of models or HTTP servers."""
