#!/bin/sh
# deb.sh VERSION NFPM - dist/cardferry_VERSION_ARCH.deb from bin/cardferry. The
# same commit gives the same bytes.
set -eu
cd "$(dirname "$0")/.."
version=$(printf %s "$1" | sed "s/^v//; s/-/+/g")
case $version in [0-9]*.[0-9]*) ;; *) version="0.0.0~git.$version" ;; esac
ARCH=$(go env GOARCH) VERSION=$version
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || date +%s)
export ARCH VERSION SOURCE_DATE_EPOCH
mkdir -p dist
"$2" package --config packaging/nfpm.yaml --packager deb --target dist/
ls -l dist/*.deb
