#!/bin/sh
# install.sh PACKAGE ... - installs Debian packages, as root. Once without
# "apt-get update", which is slow, then with it.
set -eu
export DEBIAN_FRONTEND=noninteractive
get() { apt-get -o DPkg::Lock::Timeout=300 -qq "$@"; }
get install -y --no-install-recommends "$@" >/dev/null 2>&1 || {
	get update >/dev/null
	get install -y --no-install-recommends "$@" >/dev/null
}
