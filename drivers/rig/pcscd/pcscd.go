// Package pcscd runs a private instance of pcscd, the real PC/SC service, with
// virtual readers: for tests of the PC/SC driver and for a demonstration without
// hardware. The readers are "vpcd" of the vsmartcard project; what is put into
// them is a [vcard.Card].
//
// Several instances and the system's own pcscd run side by side. A client finds
// this one by the environment variable PCSCLITE_CSOCK_NAME, which libpcsclite
// reads once per process.
//
// What shaped it, found by trial with pcscd 1.9.9 and vpcd 3.3:
//   - The socket's place is compiled in: a mount namespace makes it private
//     (root, or any user where user namespaces are allowed).
//   - vpcd has two slots per library and keeps their state in one static array:
//     two reader.conf entries with the same LIBPATH mix up their answers, so
//     every pair of slots gets a copy of the library.
//   - vpcd listens on all addresses; a preloaded shim makes that the loopback.
//   - vpcd is polled: an insertion or removal is seen after 0 to 0.4 s.
//   - vpcd can also connect out to the card; pcscd then aborts when the card is
//     away, so that mode is not offered.
//   - Readers of reader.conf do not come and go while pcscd runs.
package pcscd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"cardferry/drivers/rig/vcard"
)

// ErrUnavailable says that no private pcscd can run here; the text around it
// names what is missing. Tests skip on it.
var ErrUnavailable = errors.New("private pcscd is not available")

// ReaderPrefix begins the PC/SC name of every virtual reader here, as it does
// for a stock installation of vpcd: it marks a reader as simulated.
const ReaderPrefix = "Virtual PCD"

const (
	maxReaders    = 16               // pcscd's own limit (PCSCLITE_MAX_READERS_CONTEXTS)
	maxSocketPath = 107              // sockaddr_un(7)
	startWithin   = 10 * time.Second // from start to socket; 0.1 s when idle
	stopWithin    = 3 * time.Second  // from SIGTERM to SIGKILL
	probeEvery    = 5 * time.Millisecond
)

// Config says what to run.
type Config struct {
	// Dir receives everything the instance needs and leaves: configuration,
	// socket, log, pid file. It is created, and never removed here.
	Dir string
	// Readers is the number of virtual readers, 1 to 16; rounded up to even,
	// because vpcd's come in pairs.
	Readers int
	// Install lets Start install missing Debian packages when run as root.
	Install bool
}

// Daemon is a private pcscd. Its methods may be called from one goroutine at a
// time; the slots are safe for concurrent use.
type Daemon struct {
	dir   string
	ports []int // of the first slot of every pair
	slots []*vcard.Slot

	mu   sync.Mutex
	proc *process // nil while not running
}

// process is one run of pcscd.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// wait lives as long as pcscd does.
func (p *process) wait() {
	_ = p.cmd.Wait() // how it ended is in its log
	close(p.ended)
}

// Start prepares cfg.Dir and runs pcscd until [Daemon.Stop]. It returns when
// clients can connect. An error wraps [ErrUnavailable] when something that is
// needed is missing.
func Start(ctx context.Context, cfg Config) (*Daemon, error) {
	if cfg.Readers < 1 || cfg.Readers > maxReaders {
		return nil, fmt.Errorf("%d virtual readers asked for, 1 to %d can be had", cfg.Readers, maxReaders)
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("place the private pcscd: %w", err)
	}
	if err := need(ctx, cfg.Install); err != nil {
		return nil, err
	}
	d := &Daemon{dir: dir}
	if len(d.Socket()) > maxSocketPath {
		return nil, fmt.Errorf("directory %s is too long for a socket path; use a shorter one", dir)
	}
	if d.ports, err = freePorts((cfg.Readers + 1) / 2); err != nil {
		return nil, err
	}
	for _, p := range d.ports {
		d.slots = append(d.slots, slotAt(p), slotAt(p+1))
	}
	if err := d.prepare(ctx); err != nil {
		return nil, fmt.Errorf("prepare a private pcscd: %w", err)
	}
	if err := d.Restart(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

func slotAt(port int) *vcard.Slot {
	return vcard.NewSlot("127.0.0.1:" + strconv.Itoa(port))
}

// Slots returns the virtual readers' slots in the order of the PC/SC reader
// names. They stay the same over a restart.
func (d *Daemon) Slots() []*vcard.Slot { return d.slots }

// Socket returns the path of the service's socket: the value clients need in
// PCSCLITE_CSOCK_NAME before their first PC/SC call.
func (d *Daemon) Socket() string { return filepath.Join(d.dir, "run", "pcscd.comm") }

// LogFile returns the path of pcscd's own log. It holds no APDUs.
func (d *Daemon) LogFile() string { return filepath.Join(d.dir, "pcscd.log") }

// Restart starts pcscd again after [Daemon.Kill] or Stop; it stops a running
// one first. It returns when clients can connect.
func (d *Daemon) Restart(ctx context.Context) error {
	if err := d.Stop(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p, err := d.launch()
	if err != nil {
		return err
	}
	d.proc = p
	return d.await(ctx, p)
}

// Kill ends pcscd at once, as a crash would: cards lose their link, the socket
// stays behind. It returns when the process has ended.
func (d *Daemon) Kill() error {
	return d.end(os.Kill, 0)
}

// Stop ends pcscd as a service manager would and pulls all cards. A stopped
// Daemon may be stopped again.
func (d *Daemon) Stop() error {
	err := d.end(sigTerm, stopWithin)
	for _, s := range d.slots {
		s.Remove()
	}
	return err
}

// Suspend makes pcscd hang, as one that is stuck in a reader driver does: clients
// can connect and wait for ever.
func (d *Daemon) Suspend() error { return d.signal(sigStop) }

// Resume ends [Daemon.Suspend].
func (d *Daemon) Resume() error { return d.signal(sigCont) }

func (d *Daemon) signal(sig os.Signal) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.proc == nil {
		return errors.New("signal pcscd: it is not running")
	}
	if err := d.proc.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("signal pcscd: %w", err)
	}
	return nil
}

// end sends sig and waits until pcscd has ended, with SIGKILL after patience.
func (d *Daemon) end(sig os.Signal, patience time.Duration) error {
	d.mu.Lock()
	p := d.proc
	d.proc = nil
	d.mu.Unlock()
	if p == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("end pcscd %d: %w", p.cmd.Process.Pid, err)
	}
	if patience > 0 {
		late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
		defer late.Stop()
	}
	<-p.ended
	return nil
}

// await returns when the service's socket accepts, or says why it never will.
func (d *Daemon) await(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	again := time.NewTicker(probeEvery)
	defer again.Stop()
	for {
		if answers(ctx, d.Socket()) {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%w: pcscd ended at once: %s", ErrUnavailable, d.tail())
		case <-ctx.Done():
			return fmt.Errorf("pcscd has no socket yet: %w", ctx.Err())
		case <-again.C:
		}
	}
}
