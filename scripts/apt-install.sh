#!/usr/bin/env bash
# Installs Debian packages, as root or through sudo. Fails loudly where that is not possible.
set -euo pipefail

fail() {
  echo "cannot install $*: $reason" >&2
  echo "install by hand what these packages hold, then run this again" >&2
  exit 1
}

command -v apt-get >/dev/null || { reason="this is not Debian (no apt-get)"; fail "$@"; }
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { reason="not root, and no sudo"; fail "$@"; }
  as_root=(sudo)
fi

echo "installing $*" >&2
export DEBIAN_FRONTEND=noninteractive
# Without an update first, a fresh machine knows no packages, and an old one knows some that are gone.
"${as_root[@]}" apt-get update -qq >&2 || { reason="apt-get update failed"; fail "$@"; }
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  -o Dpkg::Options::=--force-confold "$@" >&2 || { reason="apt-get install failed"; fail "$@"; }
