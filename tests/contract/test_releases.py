"""ReleaseRegistry beside its model: write-once versions of every publisher's own; squatting, signatures, replays, errors."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi import abi as eth_abi
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from symphony_chain import releases, typed_data
from symphony_chain.abi import REGISTRY, artifact, decode_output, encode, signatures
from symphony_chain.errors import InvalidInput
from symphony_chain.ledger_events import ReleasePublished
from symphony_chain.model.context import Call
from symphony_chain.releases import BASE_MODEL, RELEASES, SKILL_PAGE, TOOLCHAIN, Published, Release
from symphony_chain.skills import DEFAULT_TAGS, page_json
from symphony_chain.texts import label
from symphony_chain.types import ZERO_ADDRESS
from tests.contract.doubles import Double
from tests.contract.evm import CHAIN_ID, Outcome
from tests.contract.ledger import (
    ANNA,
    BERT,
    CARL,
    STRANGER,
    LedgerWorld,
    error_names,
    error_of,
    events_of,
    ok,
)
from tests.property.world import CONTRACT, FORMS, KEY_OF, dressed

MODEL = Release(ANNA, BASE_MODEL, "tiny-llama", "1.0.0", keccak(b"weights"), 0x70, 123_456)
SOON_S = 600


@pytest.fixture
def world() -> LedgerWorld:
    return LedgerWorld()


# --- steps, on both sides ---


def signer_of(by: str, form: str) -> str:
    """Who a signature in this form is from: its low-s forms are the key's; a wallet contract takes 65 bytes, v in 27 and 28."""
    if by == CONTRACT:
        return by if form in ("plain", "high-s") else ZERO_ADDRESS
    return by if form in ("plain", "compact") else ZERO_ADDRESS


def publish(
    world: LedgerWorld,
    sender: str,
    release: Release,
    *,
    signer: str | None = None,
    form: str = "plain",
    deadline_s: int = 0,
    chain_id: int = CHAIN_ID,
    registry: str = "",
) -> Outcome:
    """By the sender itself, or with the signature of `signer` for a registry on a chain (by default the right ones)."""
    where = world.where[RELEASES]
    signature, by = b"", None
    if signer is not None:
        signature = releases.sign_release(KEY_OF[signer], chain_id, registry or where, release, deadline_s)
        signature, by = dressed(signature, form), signer_of(signer, form)
        if chain_id != CHAIN_ID or (registry or where) != where:
            by = ZERO_ADDRESS  # over another digest it is somebody's, but nobody's here
    data = releases.encode_publish(release, deadline_s, signature)
    return world.step(
        RELEASES, sender, data, lambda c: world.releases.publish(replace(c, signer=by), release, deadline_s)
    )


def yank(
    world: LedgerWorld,
    sender: str,
    publisher: str,
    name: str,
    version: str,
    *,
    signer: str | None = None,
    form: str = "plain",
    deadline_s: int = 0,
) -> Outcome:
    signature, by = b"", None
    if signer is not None:
        document = releases.yank_document(
            CHAIN_ID, world.where[RELEASES], publisher, name, version, deadline_s
        )
        signature, by = dressed(typed_data.sign(KEY_OF[signer], document), form), signer_of(signer, form)
    data = releases.encode_yank(publisher, name, version, deadline_s, signature)
    return world.step(
        RELEASES,
        sender,
        data,
        lambda c: world.releases.yank(replace(c, signer=by), publisher, name, version, deadline_s),
    )


# --- what it is for ---


def test_a_release_is_there_for_ever(world: LedgerWorld) -> None:
    published = ok(publish(world, ANNA, MODEL))
    assert events_of(published) == [ReleasePublished(keccak(text="tiny-llama"), MODEL)]
    assert published.logs[0].topics[1:] == (
        bytes(12) + bytes.fromhex(ANNA[2:]),
        b"base-model".ljust(32, b"\0"),
        keccak(text="tiny-llama"),
    )
    read = world.read_releases
    kept = Published(MODEL.digest, 0x70, 123_456, world.now_s, False)
    assert read.release(ANNA, "tiny-llama", "1.0.0") == kept
    assert read.latest(ANNA, "tiny-llama") == "1.0.0"
    # The very same, or other content: the version is taken, for its publisher too.
    taken = ("ReleaseExists", {"publisher": ANNA, "name": "tiny-llama", "version": "1.0.0"})
    assert error_of(publish(world, ANNA, MODEL)) == taken
    assert error_of(publish(world, ANNA, replace(MODEL, digest=keccak(b"evil"), kind=TOOLCHAIN))) == taken
    assert read.release(ANNA, "tiny-llama", "1.0.0") == kept
    # Latest is what was published last, whatever its number says.
    ok(publish(world, ANNA, replace(MODEL, version="2.0.0", digest=keccak(b"two"))))
    ok(publish(world, ANNA, replace(MODEL, version="1.0.1", digest=keccak(b"patch"))))
    assert read.latest(ANNA, "tiny-llama") == "1.0.1"
    for unknown in (("tiny-llama", "3"), ("other", "1.0.0"), ("", "")):
        assert read.release(ANNA, *unknown) is None
    assert read.latest(ANNA, "other") is None


def test_a_yank_is_a_mark_and_no_more(world: LedgerWorld) -> None:
    ok(publish(world, ANNA, MODEL))
    before = world.read_releases.release(ANNA, MODEL.name, MODEL.version)
    assert before is not None
    ok(yank(world, ANNA, ANNA, MODEL.name, MODEL.version))
    assert world.read_releases.release(ANNA, MODEL.name, MODEL.version) == replace(before, yanked=True)
    assert world.read_releases.latest(ANNA, MODEL.name) == MODEL.version
    again = {"publisher": ANNA, "name": MODEL.name, "version": MODEL.version}
    assert error_of(yank(world, ANNA, ANNA, MODEL.name, MODEL.version)) == ("AlreadyYanked", again)
    # Nor does a yank free the version.
    assert error_of(publish(world, ANNA, MODEL)) == ("ReleaseExists", again)


def test_page_squatting(world: LedgerWorld) -> None:
    """Nobody can take a page or a release away from anybody by being first."""
    # A release: the squatter's name, version and digest are the squatter's own.
    squatted = replace(MODEL, publisher=STRANGER, digest=keccak(b"evil"), kind=SKILL_PAGE)
    ok(publish(world, STRANGER, squatted))
    assert world.read_releases.release(ANNA, MODEL.name, MODEL.version) is None
    mine = replace(MODEL, kind=SKILL_PAGE)
    ok(publish(world, ANNA, mine))
    found = world.read_releases.release(ANNA, MODEL.name, MODEL.version)
    assert found is not None and found.digest == MODEL.digest
    assert world.read_releases.latest(ANNA, MODEL.name) == MODEL.version
    # Nor can it publish in another's name: not itself, and not with its own signature.
    later = replace(MODEL, version="1.0.1", digest=keccak(b"evil"))
    expected = ("NotAuthorized", {"caller": STRANGER, "expected": ANNA})
    assert error_of(publish(world, STRANGER, later)) == expected
    forged = publish(world, STRANGER, later, signer=STRANGER, deadline_s=world.now_s)
    assert error_of(forged) == ("BadSignature", {"expected": ANNA})
    # Names that meet when they are put together (a/bc, ab/c) are apart.
    ok(publish(world, ANNA, replace(MODEL, name="a", version="bc")))
    ok(publish(world, ANNA, replace(MODEL, name="ab", version="c")))
    # A skill page's id is the hash of its content: who publishes it first has published that very page, and does not keep it.
    text = page_json(DEFAULT_TAGS)
    for sender in (STRANGER, ANNA):
        done = world.chain.evm.send(sender, world.chain.registry, encode(REGISTRY, "publishPage", text))
        assert decode_output(REGISTRY, "publishPage", done.output) == (keccak(text=text),)


# --- signatures ---


def test_anyone_may_carry_a_signed_release_until_its_deadline(world: LedgerWorld) -> None:
    deadline_s = world.now_s + SOON_S
    ok(publish(world, STRANGER, MODEL, signer=ANNA, deadline_s=deadline_s))
    second = replace(MODEL, version="2")
    world.chain.evm.at(deadline_s)
    ok(publish(world, STRANGER, second, signer=ANNA, form="compact", deadline_s=deadline_s))
    world.chain.evm.at(deadline_s + 1)
    late = publish(world, STRANGER, replace(MODEL, version="3"), signer=ANNA, deadline_s=deadline_s)
    assert error_of(late) == ("SignatureExpired", {"deadline": deadline_s})
    # And a yank.
    assert error_of(
        yank(world, STRANGER, ANNA, MODEL.name, "2", signer=ANNA, deadline_s=deadline_s)
    ) == error_of(late)
    ok(yank(world, STRANGER, ANNA, MODEL.name, "2", signer=ANNA, deadline_s=deadline_s + 1))
    # Nothing is left to replay: a version is written once, and yanked once.
    replayed = publish(world, STRANGER, second, signer=ANNA, deadline_s=deadline_s + 9)
    assert error_of(replayed) == (
        "ReleaseExists",
        {"publisher": ANNA, "name": MODEL.name, "version": "2"},
    )


def test_signatures_count_on_one_chain_for_one_contract_and_one_message(world: LedgerWorld) -> None:
    deadline_s = world.now_s + SOON_S
    bad = ("BadSignature", {"expected": ANNA})
    other_chain = publish(world, STRANGER, MODEL, signer=ANNA, deadline_s=deadline_s, chain_id=1)
    other_contract = publish(
        world, STRANGER, MODEL, signer=ANNA, deadline_s=deadline_s, registry=world.chain.market
    )
    assert error_of(other_chain) == error_of(other_contract) == bad
    # A signature over one release is none over a release that differs in any field, nor with a later deadline.
    signature = releases.sign_release(KEY_OF[ANNA], CHAIN_ID, world.where[RELEASES], MODEL, deadline_s)
    changed = [
        (replace(MODEL, kind=TOOLCHAIN), deadline_s),
        (replace(MODEL, name="tiny-llama2"), deadline_s),
        (replace(MODEL, version="1.0.1"), deadline_s),
        (replace(MODEL, digest=keccak(b"evil")), deadline_s),
        (replace(MODEL, codec=0x55), deadline_s),
        (replace(MODEL, size_bytes=1), deadline_s),
        (MODEL, deadline_s + 1),
    ]
    for release, until_s in changed:
        outcome = world.chain.evm.send(
            STRANGER, world.where[RELEASES], releases.encode_publish(release, until_s, signature)
        )
        assert error_of(outcome) == bad, release
    # A yank's signature publishes nothing, and a release's yanks nothing.
    ok(publish(world, ANNA, MODEL))
    data = releases.encode_yank(ANNA, MODEL.name, MODEL.version, deadline_s, signature)
    assert error_of(world.chain.evm.send(STRANGER, world.where[RELEASES], data)) == bad


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("publisher", [ANNA, CONTRACT])
def test_forms_of_signatures(world: LedgerWorld, publisher: str, form: str) -> None:
    release = replace(MODEL, publisher=publisher)
    outcome = publish(world, STRANGER, release, signer=publisher, form=form, deadline_s=world.now_s)
    good = ("plain", "high-s") if publisher == CONTRACT else ("plain", "compact")
    assert outcome.ok is (form in good)


@pytest.mark.parametrize(("name", "arguments"), [("GasHog1271", ()), ("ReturnBomb", (1_000_000,))])
def test_a_hostile_signer_costs_no_more_than_its_share(
    world: LedgerWorld, name: str, arguments: tuple[int, ...]
) -> None:
    hostile = Double.deploy(world.chain.evm, STRANGER, name, *arguments).address
    release = replace(MODEL, publisher=hostile)
    data = releases.encode_publish(release, world.now_s, b"\1" * 65)
    outcome = world.chain.evm.send(STRANGER, world.where[RELEASES], data)
    assert error_of(outcome) == ("BadSignature", {"expected": hostile})
    assert outcome.gas_used < 300_000


def test_nobody_signs_for_the_zero_address(world: LedgerWorld) -> None:
    release = replace(MODEL, publisher=ZERO_ADDRESS)
    data = releases.encode_publish(release, world.now_s, bytes(65))
    outcome = world.chain.evm.send(STRANGER, world.where[RELEASES], data)
    assert error_of(outcome) == ("BadSignature", {"expected": ZERO_ADDRESS})


def test_the_digest_is_eip_712_written_out(world: LedgerWorld) -> None:
    """By hand from the standard, against the library and (by the tests above) the contract."""
    where, deadline_s = world.where[RELEASES], 77
    document = releases.release_document(CHAIN_ID, where, MODEL, deadline_s)
    domain = keccak(
        eth_abi.encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                keccak(
                    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak(text="Symphony ReleaseRegistry"),
                keccak(text="1"),
                CHAIN_ID,
                where,
            ],
        )
    )
    kind = (
        "Release(address publisher,bytes32 kind,string name,string version,bytes32 digest,uint8 codec,uint64 size,"
        "uint256 deadline)"
    )
    struct = keccak(
        eth_abi.encode(
            ["bytes32", "address", "bytes32", "bytes32", "bytes32", "bytes32", "uint8", "uint64", "uint256"],
            [
                keccak(text=kind),
                ANNA,
                BASE_MODEL,
                keccak(text=MODEL.name),
                keccak(text=MODEL.version),
                MODEL.digest,
                0x70,
                123_456,
                deadline_s,
            ],
        )
    )
    assert typed_data.digest(document) == keccak(b"\x19\x01" + domain + struct)
    # Wallets find the domain on chain (ERC-5267).
    (selector,) = [s for s in signatures(RELEASES, "function") if s.name == "eip712Domain"]
    values = eth_abi.decode(selector.outputs, world.chain.evm.call(where, selector.hash[:4]))
    assert values[1:5] == ("Symphony ReleaseRegistry", "1", CHAIN_ID, where.lower())


# --- errors and bounds ---


def test_every_error_is_raised_and_agrees_with_the_model(world: LedgerWorld) -> None:
    ok(publish(world, ANNA, MODEL))
    name = {"publisher": ANNA, "name": MODEL.name}
    name_field, version_field = b"name".ljust(32, b"\0"), b"version".ljust(32, b"\0")
    out = "LengthOutOfRange"
    cases: list[tuple[Outcome, str, dict[str, object]]] = [
        (publish(world, ANNA, MODEL), "ReleaseExists", {**name, "version": MODEL.version}),
        (
            publish(world, ANNA, replace(MODEL, name="")),
            out,
            {"field": name_field, "length": 0, "min": 1, "max": 64},
        ),
        (
            publish(world, ANNA, replace(MODEL, name="é" * 33)),
            out,
            {"field": name_field, "length": 66, "min": 1, "max": 64},
        ),
        (
            publish(world, ANNA, replace(MODEL, version="")),
            out,
            {"field": version_field, "length": 0, "min": 1, "max": 31},
        ),
        (
            publish(world, ANNA, replace(MODEL, version="v" * 32)),
            out,
            {"field": version_field, "length": 32, "min": 1, "max": 31},
        ),
        (publish(world, ANNA, replace(MODEL, version="2", digest=bytes(32))), "ZeroDigest", {}),
        (publish(world, BERT, MODEL), "NotAuthorized", {"caller": BERT, "expected": ANNA}),
        (
            publish(world, BERT, MODEL, signer=BERT, deadline_s=world.now_s),
            "BadSignature",
            {"expected": ANNA},
        ),
        (
            publish(world, BERT, MODEL, signer=ANNA, deadline_s=world.now_s - 1),
            "SignatureExpired",
            {"deadline": world.now_s - 1},
        ),
        (yank(world, ANNA, ANNA, MODEL.name, "9"), "NoSuchRelease", {**name, "version": "9"}),
        (yank(world, CARL, ANNA, MODEL.name, "1.0.0"), "NotAuthorized", {"caller": CARL, "expected": ANNA}),
    ]
    ok(yank(world, ANNA, ANNA, MODEL.name, MODEL.version))
    again = yank(world, ANNA, ANNA, MODEL.name, MODEL.version)
    cases.append((again, "AlreadyYanked", {**name, "version": MODEL.version}))
    assert [error_of(outcome) for outcome, _, _ in cases] == [
        (error, arguments) for _, error, arguments in cases
    ]
    assert {error for _, error, _ in cases} == error_names(RELEASES)


def test_the_longest_names_are_taken(world: LedgerWorld) -> None:
    longest = replace(MODEL, name="n" * 64, version="v" * 31)
    ok(publish(world, ANNA, longest))
    assert world.read_releases.latest(ANNA, "n" * 64) == "v" * 31


def test_several_releases_go_in_one_call(world: LedgerWorld) -> None:
    second = replace(MODEL, name="grammar", kind=TOOLCHAIN)
    data = releases.encode_multicall([releases.encode_publish(MODEL), releases.encode_publish(second)])

    def both(call: Call) -> None:
        for release in (MODEL, second):
            world.releases.publish(call, release)

    ok(world.step(RELEASES, ANNA, data, both))
    assert not world.chain.evm.send(ANNA, world.where[RELEASES], data, 1).ok  # coins have no business here


def test_kinds_are_short_ascii_names() -> None:
    assert label("base-model") == BASE_MODEL
    for wrong in ("", "x" * 33, "modèle", "tab\t"):
        with pytest.raises(InvalidInput):
            label(wrong)


def test_it_holds_no_state_that_anybody_could_change_otherwise() -> None:
    """Two steps and the batch; nothing payable but the batch, which refuses coins."""
    abi = [item for item in artifact(RELEASES)["abi"] if item["type"] == "function"]
    steps = {item["name"] for item in abi if item["stateMutability"] not in ("view", "pure")}
    assert steps == {"publish", "yank", "multicall"}


# --- everything at once ---

publishers = st.sampled_from((ANNA, BERT, CONTRACT))
names = st.sampled_from(("a", "ab", "b"))
versions = st.sampled_from(("1", "2", "b1"))
steps = st.lists(
    st.tuples(
        st.sampled_from(("publish", "publish", "yank")),
        publishers,
        names,
        versions,
        st.sampled_from((None, "own", "own", "other")),
        st.sampled_from(("plain", *FORMS)),
        st.sampled_from((-1, 0, 60)),
        st.integers(0, 2**64 - 1),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=steps)
def test_any_steps_agree_with_the_model(
    steps: list[tuple[str, str, str, str, str | None, str, int, int]],
) -> None:
    """And no step ever changes what a version means: its digest, once read, stays."""
    world = LedgerWorld()
    seen: dict[tuple[str, str, str], Published] = {}
    for what, publisher, name, version, by, form, ahead_s, size in steps:
        signer = {None: None, "own": publisher, "other": CARL}[by]
        sender = STRANGER if signer or publisher == CONTRACT else publisher
        until_s = world.now_s + ahead_s
        if what == "publish":
            digest = keccak(size.to_bytes(8, "big"))
            release = Release(publisher, TOOLCHAIN, name, version, digest, 0x55, size)
            publish(world, sender, release, signer=signer, form=form, deadline_s=until_s)
        else:
            yank(world, sender, publisher, name, version, signer=signer, form=form, deadline_s=until_s)
        world.chain.evm.at(world.now_s + 1)
        for key, kept in seen.items():
            now = world.read_releases.release(*key)
            assert now is not None and replace(now, yanked=False) == replace(kept, yanked=False)
            assert now.yanked or not kept.yanked
        seen = dict(world.releases.releases)
        assert all(world.read_releases.release(*key) == kept for key, kept in seen.items())
        for (owner, title), last in world.releases.latest.items():
            assert world.read_releases.latest(owner, title) == last
