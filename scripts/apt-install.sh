#!/usr/bin/env bash
# Installs Debian packages, as root or through sudo. Fails loudly where that is not possible. With --no-services before them, what they
# hold is installed and not started, neither now nor at the next boot.
set -euo pipefail

services=yes
if [ "$1" = --no-services ]; then
  services=no
  shift
fi

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

# Debian's way to say so: a policy that forbids to start anything (101), in force only while we install.
readonly policy=/usr/sbin/policy-rc.d
if [ $services = no ] && [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
  trap '"${as_root[@]}" rm -f $policy' EXIT
  "${as_root[@]}" chmod 755 $policy
fi

echo "installing $*" >&2
export DEBIAN_FRONTEND=noninteractive
# Without an update first, a fresh machine knows no packages, and an old one knows some that are gone.
"${as_root[@]}" apt-get update -qq >&2 || { reason="apt-get update failed"; fail "$@"; }
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold "$@" >&2 || { reason="apt-get install failed"; fail "$@"; }
if [ $services = no ] && [ -d /run/systemd/system ]; then
  "${as_root[@]}" systemctl disable "$@" >&2 || { reason="their services could not be disabled"; fail "$@"; }
fi
