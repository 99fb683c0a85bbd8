#!/usr/bin/env bash
# Makes sure that the binaries of a PostgreSQL server are there. Tests start servers of their own from them; none runs afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."

found() {
  local dir
  for dir in "${PG_BINDIR:-}" "$(pg_config --bindir 2>/dev/null || true)" /usr/lib/postgresql/*/bin; do
    [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] && return 0
  done
  return 1
}

found && exit 0
# Debian would make a cluster and start it. Said beforehand, it does not; a configuration that is there already stays.
if [ -d /etc ] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "PostgreSQL's server binaries are missing, and without root or sudo they cannot be installed: set PG_BINDIR" >&2; exit 1; }
    as_root=(sudo)
  fi
  "${as_root[@]}" mkdir -p /etc/postgresql-common
  echo "create_main_cluster = false" | "${as_root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
scripts/apt-install.sh postgresql
found || { echo "PostgreSQL is installed, and its server binaries are nowhere: set PG_BINDIR" >&2; exit 1; }
