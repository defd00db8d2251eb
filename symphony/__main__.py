"""`python -m symphony`: the command where no console script is installed."""

from __future__ import annotations

from symphony.cli import main

if __name__ == "__main__":
    main()
