"""Say so at once, and clearly, when this Python is too old or has no venv. Runs before anything is installed."""

import sys

if sys.version_info < (3, 11):
    found = ".".join(str(part) for part in sys.version_info[:3])
    sys.exit(f"Symphony needs Python 3.11 or newer, this is {found}. Give another one: make PYTHON=python3.11 demo")
try:
    import ensurepip  # noqa: F401
    import venv  # noqa: F401
except ImportError:
    sys.exit("This Python has no venv module. On Debian: apt-get install python3-venv")
