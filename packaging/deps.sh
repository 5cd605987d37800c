#!/bin/sh
# deps.sh build|test|hardware|package - installs the Debian packages that are missing for
# that purpose, as root. Without root it says what is missing and what is left
# out, and succeeds: the build then goes without the drivers that need C.
set -eu

missing=
need() { # need PROBE PACKAGE: a command or a file, and the package that has it
	if ! command -v "$1" >/dev/null 2>&1 && ! [ -e "$1" ]; then
		missing="$missing $2"
	fi
}

need gcc gcc
need /usr/include/stdio.h libc6-dev
need pkg-config pkg-config
need /usr/include/PCSC/winscard.h libpcsclite-dev
need /usr/include/libusb-1.0/libusb.h libusb-1.0-0-dev
case "${1:-build}" in
test)
	need pcscd pcscd
	need /usr/lib/pcsc/drivers/serial/libifdvpcd.so vsmartcard-vpcd
	need unshare util-linux
	need umockdev-wrapper umockdev
	need /usr/include/umockdev-1.0/umockdev.h libumockdev-dev
	need chromium chromium
	need /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc fonts-noto-cjk
	;;
hardware) # drivers/rig/uml: a kernel of our own, pcscd with libccid, a foreign card
	need pcscd pcscd
	need /usr/lib/pcsc/drivers/ifd-ccid.bundle libccid
	need /usr/lib/pcsc/drivers/serial/libifdvpcd.so vsmartcard-vpcd
	need unshare util-linux
	need /lib/systemd/systemd-udevd udev
	need ip iproute2
	need make make
	need flex flex
	need bison bison
	need bc bc
	need xz xz-utils
	need /usr/include/cacard/libcacard.h libcacard-dev
	need certutil libnss3-tools
	;;
package)
	need systemd-nspawn systemd-container
	need mmdebstrap mmdebstrap
	need lintian lintian
	;;
esac

[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	echo "cardferry: missing, and not installed without root on Debian or Ubuntu:$missing" >&2
	echo "cardferry: as root:  apt-get install -y --no-install-recommends$missing" >&2
	exit 0
fi
echo "cardferry: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
lock="-o DPkg::Lock::Timeout=300"
# shellcheck disable=SC2086 # lists of words
apt-get $lock -qq install -y --no-install-recommends $missing >/dev/null 2>&1 || {
	apt-get $lock -qq update >/dev/null
	apt-get $lock -qq install -y --no-install-recommends $missing >/dev/null
}
