#!/bin/bash
# run.sh KERNEL SECONDS COMMAND [ARG...] - runs COMMAND as root under a User-mode
# Linux kernel with a virtual USB host controller (build.sh makes it). The guest sees
# this machine's file system read-only and has no network but its loopback: no root,
# no KVM, no image needed. The environment variables GO* and TEST_* are handed in.
# Exit status is the command's; 124 when SECONDS were not enough, 125 when the guest
# did not come up.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kernel=$1 seconds=$2
shift 2
for need in /lib/systemd/systemd-udevd "$kernel"; do
	[ -x "$need" ] || { echo "uml/run.sh: $need is missing; run packaging/deps.sh hardware as root, and build.sh" >&2; exit 125; }
done
command -v ip >/dev/null || { echo "uml/run.sh: ip is missing; run packaging/deps.sh hardware as root" >&2; exit 125; }
dir=$(mktemp -d "${TMPDIR:-/tmp}/cardferry-guest.XXXXXX")
guest=
cleanup() {
	if [ -n "$guest" ]; then kill "$guest" 2>/dev/null || true; fi
	rm -rf "$dir"
}
trap cleanup EXIT
{
	for v in $(compgen -v | grep -E '^(GO|TEST_)'); do printf 'export %s=%q\n' "$v" "${!v}"; done
	printf 'export HOME=/tmp TMPDIR=/tmp\ncd %q\nexec' "$PWD"
	printf ' %q' "$@"
	echo
} >"$dir/command"
# The kernel keeps the guest's memory in an unlinked file in TMPDIR: best a tmpfs.
mem=/dev/shm
[ -w "$mem" ] || mem=$dir
TMPDIR=$mem timeout -k 5 "$seconds" "$kernel" mem=768M root=/dev/root rootfstype=hostfs rootflags=/ ro \
	init="$here/init.sh" rundir="$dir" con=null con0=null,fd:1 quiet loglevel=3 umid="cardferry$$" uml_dir="$dir/" \
	2>"$dir/errors" </dev/null > >(grep --line-buffered -v '^reboot: System halted' || true) &
guest=$!
status=0
wait "$guest" 2>/dev/null || status=$?
guest=
if [ -s "$dir/status" ]; then exit "$(cat "$dir/status")"; fi
if [ "$status" = 124 ] || [ "$status" = 137 ]; then
	echo "uml/run.sh: the guest was ended after $seconds s" >&2
	exit 124
fi
echo "uml/run.sh: the guest ended early (status $status)" >&2
tail -n 20 "$dir/errors" >&2
exit 125
