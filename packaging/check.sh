#!/bin/bash
# check.sh - runs inside a fresh Debian after the package was installed: is it a
# good citizen there? Prints a line a check; fails when one fails.
set -u
passed=0 failed=0
want() { # want "what" 'command'
	if out=$(eval "$2" 2>&1); then
		passed=$((passed + 1)); echo "ok   $1"
	else
		failed=$((failed + 1)); echo "FAIL $1"; printf '%s\n' "$out" | sed 's/^/     | /' | tail -n 5
	fi
}
within() { # within SECONDS 'command': until it succeeds
	local end=$((SECONDS + $1))
	until eval "$2" >/dev/null 2>&1; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done
}
pid() { systemctl show -p MainPID --value cardferry; }

want "service is active" 'within 10 "systemctl is-active cardferry"'
want "enabled at boot" 'systemctl is-enabled cardferry'
want "runs as its own user" '[ "$(ps -o user= -p "$(pid)")" = cardfer+ ] || [ "$(ps -o user= -p "$(pid)")" = cardferry ]'
want "data directory is private" '[ "$(stat -c %a:%U /var/lib/cardferry)" = 700:cardferry ]'
want "machine key is private" '[ "$(stat -c %a /var/lib/cardferry/keys/machine.key)" = 600 ]'
want "configuration is not for everybody" '[ "$(stat -c %a:%U:%G /etc/cardferry/cardferry.yaml)" = 640:root:cardferry ]'
want "ready" 'curl -fsS http://127.0.0.1:8641/readyz'
want "metrics" 'curl -fsS http://127.0.0.1:8641/metrics | grep -q cardferry_queue_items'
want "desk page" 'curl -fsS http://127.0.0.1:8640/ | grep -qi "<html"'
want "listens on loopback only" '! ss -Hltn | grep -v "127.0.0.1\|\[::1\]"'
want "reaches pcscd (polkit, socket)" '! journalctl -q -u cardferry --no-pager | grep -q "access_denied\|service_down"'
printf 'MSH|^~\\&|HIS|T|GW|T|20260102030405+0800||ADT^A01^ADT_A01|P1|P|2.5.1|||||CHN|UNICODE UTF-8\rPID|1||X1^^^HIS^MR||TEST^X||19800229|F\r' >/tmp/adt.hl7
want "a message is acknowledged" 'cardferry hl7 send 127.0.0.1:2575 /tmp/adt.hl7 | grep -q "MSA|AA|P1"'
want "and waits in the queue" 'cardferry queue ls | grep -q hl7v2'
want "the USB driver runs in the sandbox" '! journalctl -q -u cardferry --no-pager | grep -q "driver ended\|driver left out"'
want "readers can be listed" 'cardferry readers | grep -q "SMART CARD SERVICE"'
want "doctor finds nothing broken" 'cardferry doctor'
old=$(pid); kill -9 "$old"
want "restarted after kill -9" 'within 20 "[ \$(pid) != $old ] && [ \$(pid) != 0 ] && curl -fsS http://127.0.0.1:8641/readyz"'
want "the message is still there" 'cardferry queue ls | grep -q hl7v2'
want "a bad configuration is refused with line and column" 'sed "s/^role: all/rolle: all/" /etc/cardferry/cardferry.yaml >/tmp/bad.yaml; cardferry config check --config /tmp/bad.yaml 2>&1 | grep -q "bad.yaml:5:1.*did you mean .role"'
want "unit is well formed" 'systemd-analyze verify /usr/lib/systemd/system/cardferry.service'
want "sandbox score is 2.5 or better" '[ "$(systemd-analyze security --no-pager cardferry | sed -n "s/.*level for cardferry.service: \([0-9.]*\) .*/\1/p" | tr -d .)" -le 25 ]'
want "reinstall keeps it running" 'apt-get install -y --reinstall /cardferry.deb && within 10 "curl -fsS http://127.0.0.1:8641/readyz"'
want "stops in order" 'systemctl stop cardferry && [ "$(systemctl show -p Result --value cardferry)" = success ]'
want "queue can be read while stopped" 'cardferry queue ls | grep -q hl7v2'
want "starts again after root looked into the queue" 'systemctl start cardferry && within 10 "curl -fsS http://127.0.0.1:8641/readyz"'
want "removes" 'apt-get remove -y cardferry && ! systemctl is-active cardferry'
want "data survives removal" '[ -d /var/lib/cardferry/queue ]'
want "purge keeps an undelivered queue" 'apt-get purge -y cardferry && [ ! -d /var/lib/cardferry ] && ls -d /var/lib/cardferry.purged-*/queue'
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
