"""Queries of strangers: what reads is judged by its rows, what does anything else is refused."""

from __future__ import annotations

from random import Random

import pytest

from agent_runtime.model.families import FAMILIES, text2sql
from agent_runtime.model.families.sql_sandbox import MAX_ROWS, QueryRefused, Table, run_query

STAFF = Table("staff", {"name": "TEXT", "age": "INTEGER"}, [("Ann", 34), ("Bob", 27), ("O'Hara", 61)])
PROMPT = (
    "Write one SQL query for the question.\nTable staff (name TEXT, age INTEGER, city TEXT):\nAnn, 34, rome\nBob, 27, oslo\n"
    "Cyd, 61, rome\nQuestion: List the name of all staff whose age is more than 30, sorted by age from high to low."
)


@pytest.mark.parametrize(
    ("query", "right"),
    [
        ("SELECT name FROM staff WHERE age > 30 ORDER BY age DESC", True),
        ("select s.name from staff as s where not s.age <= 30 order by -s.age", True),
        ("SELECT name FROM staff WHERE age >= 31 ORDER BY age DESC", True),
        ("SELECT name FROM staff WHERE age > 30 ORDER BY age", False),  # the order is asked for
        ("SELECT name FROM staff WHERE city = 'rome' ORDER BY age DESC", False),  # fits these rows alone
        ("SELECT name FROM staff WHERE age > 33 ORDER BY age DESC", False),
        ("SELECT 'Cyd' UNION ALL SELECT 'Ann'", False),
        ("SELECT name, age FROM staff WHERE age > 30 ORDER BY age DESC", False),
        ("DROP TABLE staff", False),
        ("nonsense", False),
    ],
)
def test_queries_are_judged_by_their_rows_on_several_contents(query: str, right: bool) -> None:
    assert FAMILIES["text2sql"].verify(PROMPT, query) is right


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO staff VALUES ('Eve', 1)",
        "DELETE FROM staff",
        "UPDATE staff SET age = 1",
        "DROP TABLE staff",
        "CREATE TABLE t (a)",
        "ATTACH DATABASE 'x.db' AS x",
        "PRAGMA table_info(staff)",
        "SELECT load_extension('x')",
        "SELECT name FROM sqlite_master",
        "SELECT randomblob(1000000000)",
        "SELECT 1; SELECT 2",
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n",
        f"SELECT count(*) FROM {', '.join(f'staff s{i}' for i in range(40))}",
        f"SELECT s0.name FROM {', '.join(f'staff s{i}' for i in range(9))}",
        "SELECT " + "1+" * 2_000 + "1",
        "SELECT name FROM nowhere",
        "",
    ],
)
def test_whatever_does_not_merely_read_a_little_is_refused(query: str) -> None:
    if query:
        with pytest.raises(QueryRefused):
            run_query([STAFF], query)
    else:
        assert run_query([STAFF], query) == []


def test_reading_gives_the_rows() -> None:
    assert run_query([STAFF], "SELECT name FROM staff WHERE age < 50 ORDER BY age") == [("Bob",), ("Ann",)]
    assert run_query([STAFF], "SELECT count(*), max(age), upper(name) FROM staff WHERE name LIKE 'O%'") == [
        (1, 61, "O'HARA")
    ]
    many = Table("t", {"a": "INTEGER"}, [(n,) for n in range(MAX_ROWS + 1)])
    assert len(run_query([many], "SELECT a FROM t WHERE a > 0")) == MAX_ROWS
    with pytest.raises(QueryRefused, match="more than"):
        run_query([many], "SELECT a FROM t")


def test_worked_queries_say_something_about_their_rows() -> None:
    rng = Random("rows")
    for level in (1, 3, 5):
        example = FAMILIES["text2sql"].generate(rng, level)
        assert example.answer.startswith("SELECT ")
        assert not FAMILIES["text2sql"].verify(example.prompt, "SELECT 1 WHERE 0")


def test_a_second_table_never_bears_the_name_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Table("stafs", {"city": "TEXT"}, [("rome",), ("oslo",)])
    monkeypatch.setattr(text2sql, "_word", lambda rng: "staf" if rng.random() < 0.9 else "guild")
    names = {text2sql._second(Random(seed), first, 4).name for seed in range(40)}
    assert names == {"city_list", "guilds"}
