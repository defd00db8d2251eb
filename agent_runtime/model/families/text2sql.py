"""Text2SQL: a schema with its rows and a question in words; the answer is one SQLite query.

Worked by naming table, columns, conditions and order one by one. An answer is right if it gives the rows of the
query that the words mean, on the rows given and on ``VARIANTS`` other contents of the same schema, so that a query
which happens to fit these rows alone does not pass (test suites for Text2SQL: Zhong, Yu, Klein, 2020).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from agent_runtime.model.families.base import Drawn, Family
from agent_runtime.model.families.sql_sandbox import QueryRefused, Table, Value, run_query
from agent_runtime.model.families.templates import Template, first_reading
from agent_runtime.model.families.words import distinct, invented, person, word_trigrams

NAME = "text2sql"
VARIANTS = 4
OPENING = "Write one SQL query for the question."
#: Domains: table → columns; the type is by the column's values: words or a range of numbers.
DOMAINS: tuple[tuple[str, dict[str, tuple[int, int] | str]], ...] = (
    ("staff", {"name": "person", "age": (20, 65), "city": "word", "salary": (20, 90)}),
    ("books", {"title": "word", "author": "person", "year": (1950, 2024), "price": (5, 60)}),
    ("players", {"name": "person", "team": "word", "goals": (0, 40), "age": (17, 39)}),
    ("shops", {"name": "word", "city": "word", "sales": (10, 900), "rating": (1, 9)}),
    ("trees", {"kind": "word", "park": "word", "height": (2, 40), "planted": (1900, 2020)}),
    ("flights", {"code": "word", "pilot": "person", "seats": (40, 400), "delay": (0, 90)}),
)
ROWS = {1: (3, 3), 2: (3, 4), 3: (4, 6), 4: (5, 7), 5: (6, 8)}
COMPARISONS = {
    "is": "=",
    "is not": "!=",
    "is more than": ">",
    "is less than": "<",
    "is at least": ">=",
    "is at most": "<=",
}
FUNCTIONS = {"average": "AVG", "highest": "MAX", "lowest": "MIN", "total": "SUM"}
#: Kinds of questions per level.
KINDS = {
    1: ["list", "list", "count"],
    2: ["list", "list", "count", "function"],
    3: ["list", "list", "count", "function", "top", "group", "each"],
    4: ["list", "top", "group", "each", "function", "join"],
    5: ["join", "join", "top", "each"],
}

_W = r"\w+"
_WHERE = r"(?: whose .+?)?"
QUESTIONS = {
    "top": Template(
        "List the {columns} of the {n} {table} with the {end} {by}{where}.",
        n=r"\d+",
        end="highest|lowest",
        table=_W,
        by=_W,
        where=_WHERE,
    ),
    "join": Template(
        "List the {columns} of all {table}, matched with {other} by {key},{where}{order}.",
        table=_W,
        other=_W,
        key=_W,
        where=_WHERE,
        order=r"(?:, sorted by \w+ from (?:high to low|low to high))?",
    ),
    "list": Template(
        "List the {columns} of all {table}{where}{order}.",
        table=_W,
        where=_WHERE,
        order=r"(?:, sorted by \w+ from (?:high to low|low to high))?",
    ),
    "count": Template("How many {table} are there{where}?", table=_W, where=_WHERE),
    "function": Template(
        "What is the {function} {columns} of all {table}{where}?",
        function="|".join(FUNCTIONS),
        columns=_W,
        table=_W,
        where=_WHERE,
    ),
    "group": Template("For each {by}, how many {table} are there{where}?", by=_W, table=_W, where=_WHERE),
    "each": Template(
        "For each {by}, what is the {function} {columns} of the {table}{where}?",
        by=_W,
        function="|".join(FUNCTIONS),
        columns=_W,
        table=_W,
        where=_WHERE,
    ),
}
_CONDITION = Template(
    "{column} {is} {value}",
    column=_W,
    **{"is": "|".join(sorted(COMPARISONS, key=len, reverse=True))},
    value=r"-?\w+",
)
_ORDER = Template(", sorted by {by} from {way}", by=_W, way="high to low|low to high")
_TABLE = re.compile(r"Table (\w+) \(([^)]*)\):((?:\n(?!Table |Question:).+)*)")


@dataclass(frozen=True, slots=True)
class Query:
    """What the words mean. ``glue`` joins the conditions (column, comparison, value as SQL)."""

    columns: list[str]
    table: str
    conditions: list[tuple[str, str, str]] = field(default_factory=list)
    glue: str = "and"
    function: str = ""
    group: str = ""
    order: str = ""
    descending: bool = False
    limit: int = 0
    joined: str = ""
    key: str = ""

    def sql(self) -> str:
        """The query in the one form that worked answers use."""
        prefix = f"{self.table}." if self.joined else ""
        selected = ", ".join(f"{prefix}{column}" for column in self.columns)
        if self.function:
            selected = f"{self.function}({selected})"
        if self.group:
            selected = f"{self.group}, {selected}"
        text = f"SELECT {selected} FROM {self.table}"
        if self.joined:
            text += f" JOIN {self.joined} USING ({self.key})"
        if self.conditions:
            text += " WHERE " + f" {self.glue.upper()} ".join(
                " ".join(condition) for condition in self.conditions
            )
        if self.group:
            text += f" GROUP BY {self.group}"
        if self.order:
            text += f" ORDER BY {prefix}{self.order}{' DESC' if self.descending else ''}"
        return text + (f" LIMIT {self.limit}" if self.limit else "")


def draw(rng: Random, level: int) -> Drawn:
    """Tables of the level's size and a question whose query gives at least one row."""
    while True:
        tables = [_table(rng, level)]
        kind = rng.choice(KINDS[level])
        if kind == "join":
            tables.append(_second(rng, tables[0], level))
        elif level > 3 and rng.random() < 0.4:
            tables.append(_second(rng, tables[0], level))
        question = _question(rng, kind, tables, level)
        schema = "\n".join(_shown(table) for table in tables)
        prompt = f"{OPENING}\n{schema}\nQuestion: {question}"
        rows = run_query(tables, parse(prompt)[1].sql())
        if rows and rows[0] != (None,) and (kind not in ("list", "join", "count") or _says_something(rows)):
            return work(prompt)


def _says_something(rows: list[tuple[Value, ...]]) -> bool:
    return rows != [(0,)]


def _table(rng: Random, level: int) -> Table:
    if rng.random() < 0.75:
        name, columns = rng.choice(DOMAINS)
    else:  # a table and columns that no model has seen
        words = distinct(rng, 5, _word)
        name = words[0] + "s"
        columns = {words[1]: "word", words[2]: (1, 99), words[3]: "word", words[4]: (100, 999)}
    kept = list(columns) if level > 2 else list(columns)[: 3 if level == 2 else rng.choice([2, 3])]
    count = rng.randint(*ROWS[level])
    cells: list[list[Value]] = []
    for column in kept:
        kind = columns[column]
        if isinstance(kind, tuple):
            cells.append(list(rng.sample(range(kind[0], kind[1] + 1), count)))
        elif column == kept[0]:
            cells.append(list(distinct(rng, count, _any_name if kind == "person" else _word)))
        else:
            pool = distinct(rng, max(2, count // 2), _any_name if kind == "person" else _word)
            cells.append([rng.choice(pool) for _ in range(count)])
    types = {column: "INTEGER" if isinstance(columns[column], tuple) else "TEXT" for column in kept}
    return Table(name, types, list(zip(*cells, strict=True)))


def _second(rng: Random, first: Table, level: int) -> Table:
    """A table that shares one column of words with the first."""
    key = next(
        (column for column, kind in list(first.columns.items())[1:] if kind == "TEXT"),
        next(iter(first.columns)),
    )
    at = list(first.columns).index(key)
    values = sorted({row[at] for row in first.rows}, key=str)
    free = [word for word in ("size", "rank", "budget", "chief", "code") if word not in first.columns]
    columns = {key: "TEXT", rng.choice(free[:3]): "INTEGER", free[-1]: "TEXT"}
    numbers = rng.sample(range(1, 100), len(values))
    rows = [(value, number, _word(rng)) for value, number in zip(values, numbers, strict=True)]
    name = key + "_list" if rng.random() < 0.5 else _word(rng) + "s"
    while name == first.name:
        name = _word(rng) + "s"
    return Table(name, columns, rows)


def _word(rng: Random) -> str:
    while True:
        text = invented(rng, word_trigrams(), 3, 8)
        if text not in _KEYWORDS:
            return text


def _any_name(rng: Random) -> str:
    return person(rng)


#: Words of SQLite and of the questions: no made-up table or column bears one.
_KEYWORDS = frozenset(
    (
        "abort action add after all alter always and any as asc attach before begin between by cascade case "
        "cast check collate column commit cross current date day default delete desc detach distinct do drop "
        "each else end escape except exists explain fail filter first following for foreign from full glob "
        "group groups having if ignore in index inner insert instead into is isnull join key last left like "
        "limit list match natural no not nothing notnull null nulls of offset on or order others outer over "
        "partition plan pragma query raise range recursive references regexp reindex release rename replace "
        "restrict right row rows select set sorted table temp then there ties time to total transaction "
        "trigger union unique update using vacuum values view when where whose window with without "
    ).split()
)


def _question(rng: Random, kind: str, tables: list[Table], level: int) -> str:
    table = tables[0]
    columns = list(table.columns)
    numbers = [column for column, type_ in table.columns.items() if type_ == "INTEGER"]
    words = [column for column, type_ in table.columns.items() if type_ == "TEXT"]
    many = 1 if level < 3 or rng.random() < 0.6 else 2
    wanted = " and ".join(sorted(rng.sample(columns, min(many, len(columns))), key=columns.index))
    by = rng.choice(words[1:] or words)
    gaps: dict[str, object] = {
        "columns": wanted,
        "table": table.name,
        "where": _where(rng, table, level) if level > 1 or rng.random() < 0.5 else "",
        "order": _order(rng, numbers) if level > 2 and numbers and rng.random() < 0.4 else "",
        "function": rng.choice(list(FUNCTIONS)),
        "by": by,
        "n": rng.randint(2, 3),
        "end": rng.choice(["highest", "lowest"]),
    }
    if kind in ("function", "each", "top") and not numbers:
        kind = "list"
    if kind in ("function", "each"):
        gaps["columns"] = rng.choice(numbers)
    if kind in ("group", "each", "top") and rng.random() < 0.6:
        gaps["where"] = ""
    if kind == "top":
        gaps["by"] = rng.choice(numbers)
    if kind == "join":
        second = tables[1]
        key = next(iter(second.columns))
        gaps |= {"other": second.name, "key": key, "where": _where(rng, second, level, skip=key)}
    return QUESTIONS[kind].fill(**gaps)


def _where(rng: Random, table: Table, level: int, skip: str = "") -> str:
    columns = [column for column in table.columns if column != skip]
    count = 1 if level < 3 or rng.random() < 0.55 or len(columns) < 2 else 2
    said = []
    for column in rng.sample(columns, count):
        at = list(table.columns).index(column)
        value = rng.choice(table.rows)[at]
        if table.columns[column] == "TEXT":
            said.append(f"{column} {rng.choice(['is', 'is', 'is', 'is not'])} {value}")
        else:
            said.append(f"{column} {rng.choice(list(COMPARISONS)[2:])} {value}")
    return " whose " + rng.choice([" and ", " and ", " or "]).join(said)


def _order(rng: Random, numbers: list[str]) -> str:
    return _ORDER.fill(by=rng.choice(numbers), way=rng.choice(["high to low", "low to high"]))


def _shown(table: Table) -> str:
    lines = [f"Table {table.name} ({', '.join(f'{name} {kind}' for name, kind in table.columns.items())}):"]
    return "\n".join([*lines, *(", ".join(map(str, row)) for row in table.rows)])


def parse(prompt: str) -> tuple[list[Table], Query]:
    """The tables, and what the question means.

    Raises:
        ValueError: the text is not such a question.
    """
    schema, mark, question = prompt.rpartition("\nQuestion: ")
    if not mark:
        raise ValueError("there is no line `Question:`")
    tables = []
    for name, columns, lines in _TABLE.findall(schema):
        types = dict(column.split(" ") for column in columns.split(", "))
        rows = [
            tuple(
                int(cell) if kind == "INTEGER" else cell
                for cell, kind in zip(line.strip().split(", "), types.values(), strict=True)
            )
            for line in lines.strip().split("\n")
        ]
        tables.append(Table(name, types, rows))
    kind, gaps = first_reading(QUESTIONS, question.strip())
    return tables, _meaning(kind, gaps, tables)


def _meaning(kind: str, gaps: dict[str, str], tables: list[Table]) -> Query:
    types = {column: type_ for table in tables for column, type_ in table.columns.items()}
    where = gaps["where"].removeprefix(" whose ")
    glue = "or" if " or " in where else "and"
    conditions = []
    for text in where.split(f" {glue} ") if where else []:
        said = _CONDITION.read(text)
        if said is None:
            raise ValueError(f"no condition reads {text!r}")
        value = f"'{said['value']}'" if types[said["column"]] == "TEXT" else said["value"]
        conditions.append((said["column"], COMPARISONS[said["is"]], value))
    order = _ORDER.read(gaps.get("order", ""))
    columns = ["*"] if kind in ("count", "group") else gaps["columns"].split(" and ")
    function = "COUNT" if kind in ("count", "group") else FUNCTIONS.get(gaps.get("function", ""), "")
    query = Query(columns, gaps["table"], conditions, glue, function)
    if kind == "top":
        return Query(
            columns,
            gaps["table"],
            conditions,
            glue,
            "",
            "",
            gaps["by"],
            gaps["end"] == "highest",
            int(gaps["n"]),
        )
    if kind in ("group", "each"):
        return Query(columns, gaps["table"], conditions, glue, function, gaps["by"])
    joined, key = gaps.get("other", ""), gaps.get("key", "")
    if joined:
        conditions = [(f"{joined}.{column}", sign, value) for column, sign, value in conditions]
    if order or joined:
        by, down = (order["by"], order["way"] == "high to low") if order else ("", False)
        return Query(columns, gaps["table"], conditions, glue, "", "", by, down, 0, joined, key)
    return query


def work(prompt: str) -> Drawn:
    """The worked answer of a question's text: one line per part of the query."""
    tables, query = parse(prompt)
    used = [table for table in tables if table.name in (query.table, query.joined)]
    lines = [f" {table.name}: {' '.join(table.columns)}" for table in used]
    wanted = f"{query.function} {' '.join(query.columns)}".strip()
    lines.append(f" want {query.group + ' ' if query.group else ''}{wanted}")
    if query.joined:
        lines.append(f" by {query.key}")
    if query.conditions:
        lines.append(f" if {f' {query.glue} '.join(' '.join(condition) for condition in query.conditions)}")
    if query.order:
        lines.append(
            f" order {query.order} {'down' if query.descending else 'up'}{f' {query.limit}' if query.limit else ''}"
        )
    return Drawn(prompt, "\n".join(lines), query.sql())


def verify(prompt: str, answer: str) -> bool:
    """Whether a query gives the rows that are meant, here and on other contents of the tables."""
    tables, query = parse(prompt)
    gold = query.sql()
    seed = hashlib.sha256(prompt.encode()).hexdigest()
    contents = [tables, *(_varied(Random(f"{seed}/{number}"), tables, query) for number in range(VARIANTS))]
    try:
        return all(
            _comparable(run_query(content, answer), query) == _comparable(run_query(content, gold), query)
            for content in contents
        )
    except QueryRefused:
        return False


def _comparable(rows: list[tuple[Value, ...]], query: Query) -> object:
    rounded = [tuple(round(cell, 6) if isinstance(cell, float) else cell for cell in row) for row in rows]
    return rounded if query.order else Counter(rounded)


def _varied(rng: Random, tables: list[Table], query: Query) -> list[Table]:
    """Other rows of the same kind: words from the column's own, numbers (all different) around what is asked for."""
    asked = [int(value) for _, _, value in query.conditions if value.lstrip("-").isdigit()]
    varied = []
    for table in tables:
        cells: list[list[Value]] = []
        for at, kind in enumerate(table.columns.values()):
            own = [row[at] for row in table.rows]
            if kind == "INTEGER":
                numbers = [value for value in own if isinstance(value, int)]
                near = {n + shift for n in [*numbers, *asked] for shift in (-1, 0, 1)}
                cells.append(list(rng.sample(sorted(near), len(own))))
            else:
                cells.append([rng.choice(own) for _ in own])
        varied.append(Table(table.name, table.columns, list(zip(*cells, strict=True))))
    return varied


def solve(prompt: str) -> str:
    """One right query."""
    return parse(prompt)[1].sql()


FAMILY = Family(NAME, {"type": "text"}, draw, solve, work, verify)
