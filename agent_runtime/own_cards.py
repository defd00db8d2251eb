"""Finds the cards of what a worker thinks with: ``card.json`` beside the weights, and beside the adapter.

A card that is not one, or is of other weights, is left out with a line in the log: thinking does not depend on it. Opens no
model.
"""

from __future__ import annotations

import logging
from pathlib import Path

from agent_runtime.config import WorkerConfig
from agent_runtime.engines.config import NAMES, EngineConfig, is_path
from agent_runtime.engines.protocol import EngineInfo
from agent_runtime.engines.weights import CARD, shipped_folder
from agent_runtime.service import log_event
from symphony_chain.canonical import canonical_json, parse_json
from symphony_chain.content import ContentStore
from symphony_chain.errors import InvalidInput
from symphony_chain.spec import MAX_CARD_BYTES, ModelCard

#: A file may be indented for people; the card itself is its canonical form.
MAX_FILE_BYTES = 4 * MAX_CARD_BYTES


def own_cards(config: WorkerConfig, engine: EngineInfo, adapters: tuple[bytes, ...]) -> tuple[ModelCard, ...]:
    """The cards of the model in use, and of the adapter on it, as far as they are there and right.

    Args:
        adapters: sha-256 of the adapter that is on; empty for none.
    """
    found: list[ModelCard | None] = []
    model = _model_folder(config.engine)
    if model is not None and engine.digest_of == "weights":
        found.append(_read(model / CARD, "model", bytes.fromhex(engine.model_sha256)))
    if config.adapter is not None:
        found += [_read(_beside(config.adapter) / CARD, "adapter", digest) for digest in adapters]
    return tuple(card for card in found if card is not None)


def keep_cards(cards: tuple[ModelCard, ...], content: ContentStore) -> tuple[bytes, ...]:
    """Stores and pins cards; their digests."""
    for card in cards:
        content.pin(content.add(card.to_json(), "card").cid, "worker")
    return tuple(card.digest for card in cards)


def _model_folder(engine: EngineConfig) -> Path | None:
    """Where the weights lie; None where they are somebody else's, or code's."""
    if engine.spec in NAMES:
        return engine.weights or shipped_folder()
    return _beside(Path(engine.spec)) if is_path(engine.spec) else None


def _beside(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _read(path: Path, kind: str, digest: bytes) -> ModelCard | None:
    try:
        with path.open("rb") as file:
            value = parse_json(file.read(MAX_FILE_BYTES + 1), max_bytes=MAX_FILE_BYTES, what="model card")
        card = ModelCard.parse(canonical_json(value))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        why = f"it cannot be read: {error.strerror}"
    except InvalidInput as error:
        why = error.message
    else:
        why = _foreign(card, kind, digest)
        if not why:
            return card
    log_event("card_left_out", level=logging.WARNING, path=str(path), detail=why)
    return None


def _foreign(card: ModelCard, kind: str, digest: bytes) -> str:
    """Why a card is not of these weights; "" where it is."""
    if card.kind != kind:
        return f"it is the card of a {card.kind}, and lies beside a {kind}"
    return "" if card.is_of(digest) else f"it is of other weights: none has sha-256 {digest.hex()}"
