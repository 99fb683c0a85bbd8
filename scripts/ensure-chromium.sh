#!/usr/bin/env bash
# Makes sure of Debian's Chromium, in which the browser tests click through the dashboard. CHROMIUM names another one.
set -euo pipefail
cd "$(dirname "$0")/.."

found() { [ -n "${CHROMIUM:-}" ] && [ -x "$CHROMIUM" ] || command -v chromium >/dev/null || command -v chromium-browser >/dev/null; }

found && exit 0
# With a font, so that screenshots show text as people see it.
scripts/apt-install.sh chromium fonts-dejavu-core
found || { echo "Chromium is installed, and is nowhere: set CHROMIUM to its path" >&2; exit 1; }
