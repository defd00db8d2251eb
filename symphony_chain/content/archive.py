"""Which blocks an archive of a stored file contains, in depth-first order without duplicates.

Only interior nodes are read for the plan; leaves are looked up by name. Knows nothing of HTTP.
"""

from __future__ import annotations

from symphony_chain.content.blockstore import FlatFs
from symphony_chain.content.cid import RAW, Cid
from symphony_chain.content.dagpb import decode_file_node
from symphony_chain.content.errors import MissingContent, TooLarge
from symphony_chain.content.unixfs import MAX_DEPTH


def plan_archive(blocks: FlatFs, root: Cid, start: int, end: int) -> list[Cid]:
    """CIDs of the blocks that the file's bytes ``[start, end)`` need, parents first; the root always.

    Raises:
        MissingContent: one of them is not stored. TooLarge: deeper than any real file. MalformedBlock,
        HashMismatch.
    """
    planned: dict[Cid, None] = {}
    seen: set[tuple[Cid, int, int]] = set()

    def walk(cid: Cid, lower: int, upper: int, depth: int) -> None:
        # The same subtree at another place needs the same blocks if the part asked of it is the same.
        if (cid, lower, upper) in seen:
            return
        seen.add((cid, lower, upper))
        if depth > MAX_DEPTH:
            raise TooLarge(f"{root} is deeper than {MAX_DEPTH} levels", hint="refuse the file")
        if not blocks.has(cid):
            raise MissingContent(f"block {cid} is not in the store", hint="fetch it first", cid=str(cid))
        planned[cid] = None
        if cid.codec == RAW:
            return
        node = decode_file_node(blocks.get(cid))
        at = len(node.data)
        for link, size in zip(node.links, node.block_sizes_bytes, strict=True):
            if at < upper and at + size > lower:
                walk(link.cid, max(lower - at, 0), min(upper - at, size), depth + 1)
            at += size

    walk(root, start, end, 0)
    return list(planned)
