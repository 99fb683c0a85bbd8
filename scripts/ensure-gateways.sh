#!/usr/bin/env bash
# Makes sure of what test/gateways runs: Debian's nginx, HAProxy, Caddy and PyJWT, and oauth2-proxy from its Go module. The tests start the
# gateways with configurations and ports of their own; none runs as a service.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin" # where Debian puts servers; only root has it in its PATH

missing=()
for name in nginx haproxy caddy; do
  command -v "$name" >/dev/null || missing+=("$name")
done
if [ ${#missing[@]} -ne 0 ]; then
  scripts/apt-install.sh --no-services "${missing[@]}"
fi
for name in nginx haproxy caddy; do
  command -v "$name" >/dev/null || { echo "$name is installed, and its program is nowhere" >&2; exit 1; }
done
if ! /usr/bin/python3 -c 'import jwt, cryptography' 2>/dev/null; then
  scripts/apt-install.sh python3 python3-jwt python3-cryptography
fi
nginx -V 2>&1 | grep -q http_auth_request_module || { echo "this nginx was built without auth_request" >&2; exit 1; }
haproxy -vv | grep -q "USE_LUA=1" || { echo "this HAProxy was built without Lua" >&2; exit 1; }

readonly version=v7.15.6
readonly proxy=.cache/gateways/oauth2-proxy
if ! { [ -x $proxy ] && go version -m $proxy | grep -q "oauth2-proxy/v7[[:space:]]$version"; }; then
  echo "building oauth2-proxy $version into .cache/gateways; this takes some minutes, once" >&2
  GOBIN="$PWD/.cache/gateways" CGO_ENABLED=0 go install "github.com/oauth2-proxy/oauth2-proxy/v7@$version"
fi
