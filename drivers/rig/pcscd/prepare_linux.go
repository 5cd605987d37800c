package pcscd

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"cardferry/drivers/rig/debian"
)

// vpcdLibrary is where Debian's vsmartcard-vpcd has the reader driver.
const vpcdLibrary = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"

const (
	sigTerm = syscall.SIGTERM
	sigStop = syscall.SIGSTOP
	sigCont = syscall.SIGCONT
)

//go:embed shim/bindlo.c
var bindloC []byte

//go:embed install.sh
var installSh string

//go:embed enter.sh
var enterSh string

// requirements are the programs and files needed and the Debian packages that
// have them.
var requirements = []debian.Requirement{
	{Probe: "pcscd", Package: "pcscd"},
	{Probe: vpcdLibrary, Package: "vsmartcard-vpcd"},
	{Probe: "gcc", Package: "gcc"},
	{Probe: "/usr/include/stdlib.h", Package: "libc6-dev"},
	{Probe: "unshare", Package: "util-linux"},
	{Probe: "mount", Package: "mount"},
}

// need checks the requirements and, when allowed and able, installs what is
// missing.
func need(ctx context.Context, install bool) error {
	missing := debian.Missing(requirements)
	if len(missing) == 0 {
		return nil
	}
	list := strings.Join(missing, " ")
	if !install || os.Geteuid() != 0 {
		return fmt.Errorf("%w: run as root: apt-get install %s", ErrUnavailable, list)
	}
	//nolint:gosec // G204: the package names are those above
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", installSh, "install.sh"}, missing...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: apt-get install %s: %w: %s", ErrUnavailable, list, err, bytes.TrimSpace(out))
	}
	if still := debian.Missing(requirements); len(still) > 0 {
		return fmt.Errorf("%w: still missing after installation: %s", ErrUnavailable, strings.Join(still, " "))
	}
	return nil
}

// prepare writes the configuration, one copy of vpcd per pair of readers, and
// the loopback shim into the instance's directory.
func (d *Daemon) prepare(ctx context.Context) error {
	for _, sub := range []string{"run", "conf", "vpcd"} {
		if err := os.MkdirAll(filepath.Join(d.dir, sub), 0o700); err != nil {
			return err
		}
	}
	var conf bytes.Buffer
	for i, port := range d.ports {
		lib := filepath.Join(d.dir, "vpcd", "libifdvpcd"+strconv.Itoa(i)+".so")
		if err := copyFile(lib, vpcdLibrary); err != nil {
			return err
		}
		// reader.conf(5); vpcd takes its first port from the channel.
		fmt.Fprintf(&conf, "FRIENDLYNAME %q\nDEVICENAME /dev/null:%#04x\nLIBPATH %s\nCHANNELID %#04x\n\n",
			ReaderPrefix+" "+strconv.Itoa(i), port, lib, port)
	}
	if err := os.WriteFile(filepath.Join(d.dir, "conf", "readers"), conf.Bytes(), 0o600); err != nil {
		return err
	}
	src := filepath.Join(d.dir, "bindlo.c")
	if err := os.WriteFile(src, bindloC, 0o600); err != nil {
		return err
	}
	//nolint:gosec // G204: the directory is the caller's own
	cc := exec.CommandContext(ctx, "gcc", "-shared", "-fPIC", "-O2", "-o", filepath.Join(d.dir, "bindlo.so"), src, "-ldl")
	if out, err := cc.CombinedOutput(); err != nil {
		return fmt.Errorf("compile the loopback shim: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	//nolint:gosec // G703: both are named here, not read from anywhere
	return os.WriteFile(to, b, 0o600)
}

// launch starts pcscd in its own mount namespace, and user namespace when not
// root. The kernel ends it with this process, so that no instance is left over.
func (d *Daemon) launch() (*process, error) {
	// A socket left behind by a killed instance would look like a service.
	if err := os.Remove(d.Socket()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("clear the private pcscd's directory: %w", err)
	}
	log, err := os.Create(d.LogFile())
	if err != nil {
		return nil, fmt.Errorf("open pcscd's log: %w", err)
	}
	defer func() { _ = log.Close() }() // pcscd has its own handle
	namespaces := "-m"
	if os.Geteuid() != 0 {
		namespaces = "-rm"
	}
	//nolint:gosec // G204: the directory is the caller's own
	cmd := exec.Command("unshare", namespaces, "/bin/sh", "-c", enterSh, "enter.sh", d.dir)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: start pcscd: %w", ErrUnavailable, err)
	}
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go p.wait()
	return p, nil
}

// answers says whether something accepts connections at the socket.
func answers(ctx context.Context, socket string) bool {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return false
	}
	return c.Close() == nil
}

// tail returns the end of pcscd's log, for error texts.
func (d *Daemon) tail() string {
	const last = 500
	f, err := os.Open(d.LogFile())
	if err != nil {
		return "it left no log"
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.Size() > last {
		_, _ = f.Seek(-last, io.SeekEnd)
	}
	b, _ := io.ReadAll(io.LimitReader(f, last))
	return string(bytes.TrimSpace(b))
}

// freePorts returns the first ports of n pairs that nothing listens on.
// Another process may take one before vpcd does; pcscd's log then says so.
func freePorts(n int) ([]int, error) {
	var ports []int
	for tries := 0; len(ports) < n; tries++ {
		if tries > 50*n {
			return nil, errors.New("find free TCP ports for virtual readers: none; close some listeners")
		}
		first, port, err := listen(0)
		if err != nil {
			return nil, fmt.Errorf("find a free TCP port for a virtual reader: %w", err)
		}
		defer func() { _ = first.Close() }() // held so that the next round finds another
		second, _, err := listen(port + 1)
		if err != nil {
			continue
		}
		defer func() { _ = second.Close() }()
		ports = append(ports, port)
	}
	return ports, nil
}

func listen(port int) (net.Listener, int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		return nil, 0, err
	}
	return ln, ln.Addr().(*net.TCPAddr).Port, nil
}
