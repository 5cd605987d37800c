package demo

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// tier is one cardferry daemon, started as a process of its own so that its
// plug can be pulled for real.
type tier struct {
	name   string
	binary string
	dir    string
	config string
	admin  string // address
	env    []string

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
	log  bytes.Buffer
}

// newTier writes the configuration of a tier below dir.
func newTier(binary, dir, name, yaml string) (*tier, error) {
	admin, err := freeAddr()
	if err != nil {
		return nil, err
	}
	t := &tier{name: name, binary: binary, dir: filepath.Join(dir, name), admin: admin}
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return nil, err
	}
	t.config = filepath.Join(t.dir, "cardferry.yaml")
	yaml = fmt.Sprintf("data_dir: %q\nadmin: {listen: %q}\n", filepath.Join(t.dir, "data"), admin) + yaml
	return t, os.WriteFile(t.config, []byte(yaml), 0o600)
}

// freeAddr is a loopback address nobody listens on at the moment.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// prefer is addr when it is free, else some free loopback address.
func prefer(addr string) (string, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return freeAddr()
	}
	return addr, l.Close()
}

// start runs the daemon and returns how long it took to be ready.
func (t *tier) start(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	cmd := exec.Command(t.binary, "serve", "--config", t.config) //nolint:gosec // our own binary
	cmd.Env = append(os.Environ(), t.env...)
	cmd.SysProcAttr = ownGroup()
	log := &lockedWriter{t: t}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start %s: %w", t.name, err)
	}
	done := make(chan struct{})
	t.mu.Lock()
	t.cmd, t.done = cmd, done
	t.mu.Unlock()
	go func() {
		_ = cmd.Wait() // its exit is seen by the closed channel
		close(done)
	}()
	for {
		if ready(ctx, t.admin) {
			return time.Since(begin), nil
		}
		select {
		case <-done:
			return 0, fmt.Errorf("%s did not start:\n%s", t.name, t.output())
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func ready(ctx context.Context, admin string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+admin+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// kill ends the daemon as a power cut would: no warning, no clean-up.
func (t *tier) kill() { t.end((*os.Process).Kill) }

// stop ends the daemon in order and waits for it.
func (t *tier) stop() { t.end(interrupt) }

func (t *tier) end(signal func(*os.Process) error) {
	t.mu.Lock()
	cmd, done := t.cmd, t.done
	t.cmd = nil
	t.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = signal(cmd.Process) // it may have ended already
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		_ = cmd.Process.Kill()
		<-done
	}
}

// output is what the daemon logged.
func (t *tier) output() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.log.String()
}

// memory is the daemon's resident memory in bytes, 0 where the system does not
// tell.
func (t *tier) memory() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cmd == nil {
		return 0
	}
	var size, resident int64
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", t.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}

// lockedWriter keeps the last part of a daemon's log.
type lockedWriter struct{ t *tier }

const maxLog = 1 << 20

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	if w.t.log.Len() > maxLog {
		w.t.log.Reset()
	}
	return w.t.log.Write(p)
}
