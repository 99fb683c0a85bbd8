#!/usr/bin/env bash
# Makes sure of what the Go tests call: a C compiler for the race detector, curl for the demo's own lines, git for the build.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v gcc >/dev/null || missing+=(gcc libc6-dev)
command -v curl >/dev/null || missing+=(curl ca-certificates)
command -v git >/dev/null || missing+=(git)
[ ${#missing[@]} -eq 0 ] || scripts/apt-install.sh "${missing[@]}"
