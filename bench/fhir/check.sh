#!/bin/sh
# Translates every sample message and N generated ones (default 500), and holds
# each Bundle against FHIR R4 as published. Exit code 1: something is not valid.
# First the check is held against Bundles that are broken on purpose. Needs Go, node
# and npm. SEED=2 generates other messages.
#
#   bench/fhir/check.sh [N]
set -eu
cd "$(dirname "$0")"
n=${1:-500}
root=../..
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! command -v npm >/dev/null 2>&1; then
	echo 'check.sh: npm is not installed; install Debian nodejs and npm' >&2
	exit 2
fi
[ -d node_modules ] || npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

node --test >"$work/test" || { cat "$work/test"; exit 1; }
(cd $root && CGO_ENABLED=0 ${GO:-go} build -o "$work/cardferry" ./cmd/cardferry)
(cd .. && GOWORK=off ${GO:-go} build -o "$work/gen" ./fhir/gen)

# A sample keeps its own character set, so each goes in as the file it is.
for f in $root/configs/v2fhir/tests/*.hl7 $root/hl7/testdata/messages/*.hl7; do
	if bundle=$("$work/cardferry" hl7 fhir "$f"); then
		printf '{"id":"%s","bundle":%s}\n' "$(basename "$f")" "$bundle"
	else
		printf '{"id":"%s","error":"refused"}\n' "$(basename "$f")"
	fi
done >"$work/bundles"
"$work/gen" -root $root -n "$n" -seed "${SEED:-1}" | "$work/cardferry" hl7 fhir --lines >>"$work/bundles"
node check.mjs ${QUIET:+--quiet} <"$work/bundles"
