package gateway

import (
	"context"
	"net"
	"os"
	"strconv"
	"time"
)

// notifySystemd tells systemd that the service is ready, keeps its watchdog
// content while alive says so, and says when the service stops (sd_notify(3)).
// Without NOTIFY_SOCKET it does nothing. It blocks until ctx ends.
func notifySystemd(ctx context.Context, alive func() bool) {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return
	}
	conn, err := net.Dial("unixgram", socket) //nolint:gosec // systemd names the socket
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	say := func(state string) { _, _ = conn.Write([]byte(state)) }
	say("READY=1")
	defer say("STOPPING=1")

	var beat <-chan time.Time
	if usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64); err == nil && usec > 0 {
		t := time.NewTicker(time.Duration(usec) * time.Microsecond / 3)
		defer t.Stop()
		beat = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat:
			if alive() {
				say("WATCHDOG=1")
			}
		}
	}
}
