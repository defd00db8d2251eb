"""The shapes of the API's JSON documents, as pydantic models. Knows nothing of where the values come from."""
