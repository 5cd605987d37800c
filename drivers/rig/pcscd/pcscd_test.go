package pcscd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a private pcscd or skips the test.
func start(t *testing.T, readers int) (context.Context, *Daemon) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	d, err := Start(ctx, Config{Dir: t.TempDir(), Readers: readers, Install: true})
	if errors.Is(err, ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
	})
	return ctx, d
}

// chip tells when vpcd first asked for its ATR: that pcscd has it in a reader.
type chip struct{ seen chan struct{} }

func (c *chip) ATR() []byte {
	select {
	case c.seen <- struct{}{}:
	default:
	}
	return []byte{0x3B, 0x80, 0x01, 0x81} // ISO 7816-3, 8: T=1, no historical bytes
}
func (c *chip) Reset()             {}
func (c *chip) APDU([]byte) []byte { return []byte{0x6D, 0x00} }

func TestDaemon(t *testing.T) {
	ctx, d := start(t, 3)
	if n := len(d.Slots()); n != 4 {
		t.Fatalf("%d slots for 3 readers, want 4: they come in pairs", n)
	}
	insert := func(t *testing.T) {
		for i, s := range d.Slots() {
			c := &chip{seen: make(chan struct{}, 1)}
			if err := s.Insert(ctx, c); err != nil {
				t.Fatal(err)
			}
			select {
			case <-c.seen:
			case <-ctx.Done():
				t.Fatalf("reader %d never saw its card", i)
			}
		}
	}
	t.Run("every reader sees its card", insert)
	t.Run("a crash pulls the cards", func(t *testing.T) {
		if err := d.Kill(); err != nil {
			t.Fatal(err)
		}
		for _, s := range d.Slots() {
			<-s.Gone()
		}
		if answers(ctx, d.Socket()) {
			t.Error("the socket still answers")
		}
	})
	t.Run("it comes back with the same readers", func(t *testing.T) {
		if err := d.Restart(ctx); err != nil {
			t.Fatal(err)
		}
		insert(t)
	})
	t.Run("the readers listen on the loopback only", func(t *testing.T) {
		pid := d.proc.cmd.Process.Pid
		open := listeners(t, pid)
		if len(open) != 4 {
			t.Errorf("listens on %v, want 4 ports", open)
		}
		for _, addr := range open {
			if !strings.HasPrefix(addr, "0100007F:") { // 127.0.0.1 in /proc/net/tcp
				t.Errorf("listens on %s", addr)
			}
		}
	})
	t.Run("stopping twice is harmless", func(t *testing.T) {
		for range 2 {
			if err := d.Stop(); err != nil {
				t.Error(err)
			}
		}
	})
}

// listeners returns the listening TCP addresses of a process as /proc/net/tcp
// writes them.
func listeners(t *testing.T, pid int) []string {
	t.Helper()
	fds, err := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "fd", "*"))
	if err != nil {
		t.Fatal(err)
	}
	mine := map[string]bool{}
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, "socket:[") {
			mine[strings.Trim(to, "socket:[]")] = true
		}
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	var open []string
	for line := range strings.Lines(string(table)) {
		const listening = "0A"
		if f := strings.Fields(line); len(f) > 9 && f[3] == listening && mine[f[9]] {
			open = append(open, f[1])
		}
	}
	return open
}

func TestConfig(t *testing.T) {
	for _, n := range []int{-1, 0, maxReaders + 1} {
		if _, err := Start(t.Context(), Config{Dir: t.TempDir(), Readers: n}); err == nil {
			t.Errorf("%d readers accepted", n)
		}
	}
}
