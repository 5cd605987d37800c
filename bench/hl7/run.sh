#!/bin/sh
# Measures cardferry's HL7 v2 codec and its peers on the same bytes. Needs Go, and
# for the peers node with npm and Debian's python3-hl7; what is missing is left
# out and said.
set -eu
cd "$(dirname "$0")"

if ! command -v npm >/dev/null 2>&1; then
	echo 'npm is not installed: the peers in JavaScript are left out' >&2
elif ! [ -d node/node_modules ]; then
	(cd node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) || echo 'npm could not install the peers' >&2
fi
GOWORK=off exec "${GO:-go}" run . -dir "$PWD"
