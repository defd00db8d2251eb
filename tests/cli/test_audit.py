"""`symphony audit` tells what the market owes and holds, token by token, in words and in JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from indexer.report import AuditReport, TokenMoney
from indexer.sync import Indexer
from symphony.cli.audit import _lines
from symphony_chain.types import NATIVE
from tests.cli.conftest import invoke
from tests.indexer.conftest import devnet_world
from tests.indexer.scenario import ETHER, Scenario


@dataclass(frozen=True)
class Audited:
    """A market with a token that loses money of everybody by itself, its index, and the options that name them."""

    scenario: Scenario
    options: tuple[str, ...]


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Audited]:
    folder = tmp_path_factory.mktemp("audited")
    with devnet_world(folder) as scenario:
        scenario.register_four()
        scenario.settled()
        scenario.paid_in_a_token()
        url, path = f"sqlite:///{folder / 'index.sqlite'}", folder / "deployment.json"
        scenario.deployment.save(path)
        with Indexer(scenario.rpc, scenario.deployment, url) as index:
            index.sync_once()
        yield Audited(scenario, ("--db", url, "--rpc", scenario.rpc.url, "--deployment", str(path)))


def test_money_by_token_in_json(audited: Audited) -> None:
    done = invoke("audit", "--json", *audited.options)
    assert done.code == 0 and done.json["ok"], done.out
    native, *tokens = done.json["money"]
    held_wei = audited.scenario.rpc.get_balance(audited.scenario.deployment.market)
    assert native == {
        "token": NATIVE, "owed_wei": str(held_wei), "held_wei": str(held_wei), "surplus_wei": "0", "state": "covered",
    }  # fmt: skip
    assert sorted(money["state"] for money in tokens) == ["covered", "short"]
    (short,) = [money for money in tokens if money["state"] == "short"]
    assert (short["owed_wei"], short["surplus_wei"]) == (str(5 * ETHER), str(-ETHER // 2))


def test_money_by_token_in_words(audited: Audited) -> None:
    """A shortfall of a token is said, and is no difference: the index is true."""
    done = invoke("audit", *audited.options)
    assert done.code == 0 and "0 cells differ" in done.out
    assert done.out.count("SHORT by") == 1 and f"SHORT by {ETHER // 2} units of 0x" in done.out
    assert done.out.count("covered") == 2


@pytest.mark.parametrize(
    ("held_wei", "says"),
    [(None, "unknown: the token does not say"), (9, "covered, and 2 units of"), (7, "covered"), (6, "SHORT by 1 units of")],
)
def test_every_standing_has_its_words(held_wei: int | None, says: str) -> None:
    report = AuditReport(True, 1, 1, 1, (), (TokenMoney("0x" + "11" * 20, 7, held_wei),))
    assert says in _lines(report)[-1]


def test_many_tokens_do_not_hide_a_shortfall() -> None:
    money = [TokenMoney(f"0x{number:040x}", 5, 4 if number == 99 else 5) for number in range(100)]
    lines = _lines(AuditReport(True, 1, 1, 1, (), tuple(money)))
    assert lines[-1] == "  and 80 more tokens (--json)" and len(lines) == 24
    assert "covered" in lines[3] and "SHORT by 1 units" in lines[4]
