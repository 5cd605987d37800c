#!/bin/sh
# build.sh OUTPUT - builds the User-mode Linux kernel of the test rig from
# Debian's kernel source package: about 7 CPU minutes, 1.5 GB while building,
# 8 MB result. Needs gcc, make, flex, bison, bc, xz (packaging/deps.sh hardware);
# the source is only downloaded and unpacked, not installed, so root is not
# needed. A test tool, never part of the product (the kernel is GPL-2.0).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1
source=linux-source-6.1

for tool in gcc make flex bison bc xz apt-get dpkg-deb; do
	command -v "$tool" >/dev/null || { echo "uml/build.sh: $tool is missing; run packaging/deps.sh hardware as root" >&2; exit 1; }
done
work=$(mktemp -d "${TMPDIR:-/var/tmp}/cardferry-uml.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cd "$work"
apt-get -qq download "$source" >/dev/null 2>&1 || {
	if [ "$(id -u)" = 0 ]; then apt-get -qq update >/dev/null; fi
	apt-get -qq download "$source" >/dev/null || {
		echo "uml/build.sh: cannot download $source: needs Debian 12 and a package list not too old (apt-get update)" >&2
		exit 1
	}
}
dpkg-deb -x "$source"_*.deb pkg
tar -xJf "pkg/usr/src/$source.tar.xz"
rm -rf pkg ./*.deb
cd "$source"
make -s ARCH=um allnoconfig KCONFIG_ALLCONFIG="$here/kernel.config"
for option in USB USBIP_VHCI_HCD HIDRAW USB_HID USB_SERIAL_FTDI_SIO HOSTFS UML_RANDOM FILE_LOCKING; do
	grep -q "^CONFIG_$option=y" .config || { echo "uml/build.sh: CONFIG_$option was lost" >&2; exit 1; }
done
make -s ARCH=um -j"$(nproc)" linux
strip linux
mkdir -p "$(dirname "$out")"
install -m755 linux "$out.new"
mv "$out.new" "$out"
