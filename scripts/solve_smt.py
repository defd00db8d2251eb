"""A solver's command for halmos: answers one SMT query with Bitwuzla or cvc5, whose Python wheels bring no command of their own.

Bitwuzla reads bit vectors as bits and is quick at packed words; cvc5 reads them as integers and is quick at money, where wide
numbers are multiplied and divided. Lives in `.venv-halmos`; prints sat and a model, unsat, or unknown.
"""

from __future__ import annotations

import sys


def bitwuzla(path: str) -> None:
    import bitwuzla as solver  # noqa: PLC0415

    options = solver.Options()
    options.set("produce-models", True)
    solver.Parser(solver.TermManager(), options).parse(path)


def cvc5(path: str) -> None:
    import cvc5 as library  # noqa: PLC0415

    solver = library.Solver()
    for name, value in (("solve-bv-as-int", "sum"), ("produce-models", "true")):
        solver.setOption(name, value)
    parser = library.InputParser(solver)
    parser.setFileInput(library.InputLanguage.SMT_LIB_2_6, path)
    while not (command := parser.nextCommand()).isNull():
        sys.stdout.write(command.invoke(solver, parser.getSymbolManager()))


if __name__ == "__main__":
    {"bitwuzla": bitwuzla, "cvc5": cvc5}[sys.argv[1]](sys.argv[2])
