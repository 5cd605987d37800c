#!/bin/bash
# suite.sh FUZZTIME - the hardware suite: the drivers' tests with the tag "hardware"
# on a kernel with real USB, the card that is not ours, and every fuzz target of
# drivers/ and configs/ for FUZZTIME ("60s"; "0" leaves fuzzing out). The kernel is
# built first if the cache does not have it. Every part has a time limit; at the end
# it says what ran. Arguments after FUZZTIME go to the tests (-test.run=Card).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.."
go=${GO:-go}
fuzztime=${1:-60s}
shift || true
export CGO_ENABLED=1

hash=$(cat "$here/kernel.config" "$here/build.sh" | sha256sum | cut -c1-12)
kernel=${XDG_CACHE_HOME:-$HOME/.cache}/cardferry/uml-$hash/linux
logs=bin/hardware
mkdir -p "$logs"
if [ ! -x "$kernel" ]; then
	echo "building the kernel, once (about 7 CPU minutes): $kernel"
	nice "$here/build.sh" "$kernel" >"$logs/kernel.log" 2>&1 || { tail -n 20 "$logs/kernel.log" >&2; exit 1; }
fi

summary=() failed=0
note() { # note NAME STATUS SECONDS LOG
	local passed skipped
	passed=$(grep -cE '^ *--- PASS' "$4" || true)
	skipped=$(grep -cE '^ *--- SKIP' "$4" || true)
	summary+=("$(printf '%-28s %-6s %5d s  %3d passed, %d skipped' "$1" "$2" "$3" "$passed" "$skipped")")
	if [ "$2" != ok ]; then failed=1; fi
}

guest() { # guest PACKAGE SECONDS [ARG...]: a package's tests on the kernel
	local package=$1 seconds=$2 name=${1//\//-} start=$SECONDS status=ok
	shift 2
	"$go" test -c -tags hardware -o "$logs/$name.test" "./$package"
	(cd "$package" && "$here/run.sh" "$kernel" "$seconds" "$OLDPWD/$logs/$name.test" -test.v -test.timeout "$((seconds - 30))s" "$@") 2>&1 |
		tee "$logs/$name.log" || status=FAILED
	note "$package" "$status" $((SECONDS - start)) "$logs/$name.log"
}

host() { # host PACKAGE: a package's hardware tests on this machine
	local package=$1 name=${1//\//-} start=$SECONDS status=ok
	shift
	"$go" test -count=1 -tags hardware -timeout 5m -v "./$package" 2>&1 | tee "$logs/$name.log" || status=FAILED
	note "$package" "$status" $((SECONDS - start)) "$logs/$name.log"
}

outOfTime() { # outOfTime LOG: go test sometimes calls the end of -fuzztime a failure; no input failed
	grep -qx ' *context deadline exceeded' "$1" && ! grep -q 'Failing input\|panic:' "$1"
}

fuzz() { # every fuzz target, as far as go test -list knows them
	local start=$SECONDS status=ok targets=0 package target
	: >"$logs/fuzz.log"
	for package in $("$go" list ./drivers/... ./configs/...); do
		for target in $("$go" test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
			targets=$((targets + 1))
			"$go" test -run '^$' -fuzz "^$target\$" -fuzztime "$fuzztime" "$package" >"$logs/fuzz-one.log" 2>&1 ||
				outOfTime "$logs/fuzz-one.log" || {
				status=FAILED
				cat "$logs/fuzz-one.log"
			}
			echo "$package $target: $(tail -n 2 "$logs/fuzz-one.log" | head -n 1)" | tee -a "$logs/fuzz.log"
		done
	done
	if [ "$status" != ok ]; then failed=1; fi
	summary+=("$(printf '%-28s %-6s %5d s  %3d targets, %s each' fuzzing "$status" $((SECONDS - start)) "$targets" "$fuzztime")")
}

guest drivers/rig/uml 1800 "$@"
if compgen -G 'drivers/usb/*_hardware_test.go' >/dev/null; then guest drivers/usb 900 "$@"; fi
host drivers/rig/cacard
if [ "$fuzztime" != 0 ]; then fuzz; fi

echo
echo "hardware suite on Linux $("$kernel" --version | tail -n 1):"
printf '  %s\n' "${summary[@]}"
exit "$failed"
