#!/bin/bash
# nspawn.sh DEB COMMAND [ARG...] - boots a fresh Debian with a real systemd in a
# container without network, installs DEB there with apt and runs COMMAND as
# root; this folder is /packaging inside. Exit status is the command's.
#
# Root needed; no KVM and no systemd on the host. The Debian tree is made once,
# from the host's own apt sources, and kept in the cache; every run works on a
# throw-away overlay of it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" = 0 ] || { echo "nspawn.sh: needs root" >&2; exit 1; }
"$here/deps.sh" package
deb=$(readlink -f "$1")
shift

packages=systemd,systemd-sysv,dbus,udev,kmod,apt,adduser,iproute2,procps,curl,pcscd,libccid,libpcsclite1,polkitd
tree=${XDG_CACHE_HOME:-$HOME/.cache}/cardferry/debian-$(echo "$packages" | sha256sum | cut -c1-8)
if [ ! -e "$tree/etc/debian_version" ]; then
	rm -rf "$tree"
	mkdir -p "$(dirname "$tree")"
	sources=()
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
		[ -s "$f" ] && sources+=("$f")
	done
	mmdebstrap --quiet --variant=minbase --include="$packages" "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$tree" "${sources[@]}" >&2
fi

# A zombie has ended, even where process 1 is slow to reap it.
alive() { [ -r "/proc/$1/stat" ] && [ "$(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -c1)" != Z ]; }

root=$(mktemp -d)
np='' init=''
cleanup() {
	# TERM makes nspawn shut the container down; KILL would leave it running.
	if [ -n "$np" ] && kill "$np" 2>/dev/null; then
		for _ in $(seq 100); do alive "$np" || break; sleep 0.1; done
		if alive "$np" && [ -n "$init" ]; then kill -9 "$init"; fi
	fi
	umount "$root" 2>/dev/null || true
	rm -rf "$root" "$root.over"
}
trap cleanup EXIT
mkdir -p "$root.over"/{up,work}
mount -t overlay -o "lowerdir=$tree,upperdir=$root.over/up,workdir=$root.over/work" overlay "$root"
cp "$deb" "$root/cardferry.deb"
mkdir -p "$root/packaging"
cp -r "$here/." "$root/packaging/"

# Newer systemd refuses the old cgroup hierarchy that some hosts still have.
SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet -D "$root" --machine="cardferry$$" --register=no --keep-unit \
	--private-network --console=pipe --boot </dev/null >"$root.over/console" 2>&1 &
np=$!
for _ in $(seq 400); do
	for c in $(cat "/proc/$np/task/$np/children" 2>/dev/null); do
		if [ "$(cat "/proc/$c/comm" 2>/dev/null)" = systemd ]; then init=$c; fi
	done
	if [ -n "$init" ] && nsenter -t "$init" -a systemctl is-system-running --wait >"$root.over/state" 2>/dev/null; then break; fi
	if grep -qx degraded "$root.over/state" 2>/dev/null; then break; fi
	alive "$np" || { cat "$root.over/console" >&2; exit 125; }
	sleep 0.05
done
[ -n "$init" ] || { cat "$root.over/console" >&2; exit 125; }
inside=(nsenter -t "$init" -a env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb DEBIAN_FRONTEND=noninteractive)
"${inside[@]}" apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0 /cardferry.deb >"$root.over/install" 2>&1 ||
	{ cat "$root.over/install" >&2; exit 1; }
rc=0
"${inside[@]}" "$@" </dev/null || rc=$?
exit $rc
