#!/usr/bin/env bash
# Makes sure that ./bin/golangci-lint has the version that the configuration was written for.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly version=v2.15.0

if [ -x bin/golangci-lint ] && go version -m bin/golangci-lint | grep -q "golangci-lint/v2[[:space:]]$version"; then
  exit 0
fi
echo "installing golangci-lint $version into ./bin; this takes some minutes, once" >&2
GOBIN="$PWD/bin" CGO_ENABLED=0 go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$version"
