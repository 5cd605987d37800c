// Package cacard puts a card into a virtual reader whose logic is not ours:
// libcacard's Common Access Card with three certificates, the one that QEMU has. It
// speaks T=0, knows applets that no card profile names, and says no in its own way:
// a check on what we believe cards do.
//
// It needs the Debian packages libcacard-dev, libnss3-tools, gcc and pkg-config and
// says so when they are missing.
package cacard

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"cardferry/drivers/rig/debian"
)

// ErrUnavailable says that there is no such card here; the text around it says what
// to install. Tests skip on it.
var ErrUnavailable = errors.New("libcacard's card is not available")

//go:embed card/cacard-vpcd.c
var source []byte

// Card is the card in a reader.
type Card struct {
	cmd  *exec.Cmd
	once sync.Once
}

// Insert makes a card in dir, which must exist, and puts it into the slot that vpcd
// serves at addr ("127.0.0.1:35963"). It stays until Remove.
func Insert(ctx context.Context, dir, addr string) (*Card, error) {
	if err := debian.Need(requirements, ErrUnavailable); err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("insert libcacard's card: %w", err)
	}
	binary, err := compile(ctx, dir)
	if err != nil {
		return nil, err
	}
	db, err := certificates(ctx, dir)
	if err != nil {
		return nil, err
	}
	//nolint:gosec // G204: what was compiled here
	cmd := exec.Command(binary, append([]string{host, port, db}, certificateNames()...)...)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("insert libcacard's card: %w", err)
	}
	return &Card{cmd: cmd}, nil
}

// Remove pulls the card. A second call does nothing.
func (c *Card) Remove() {
	c.once.Do(func() {
		_ = c.cmd.Process.Signal(os.Interrupt)
		_ = c.cmd.Wait() // it ends by the signal
	})
}

var requirements = []debian.Requirement{
	{Probe: "/usr/include/cacard/libcacard.h", Package: "libcacard-dev"},
	{Probe: "certutil", Package: "libnss3-tools"},
	{Probe: "gcc", Package: "gcc"},
	{Probe: "pkg-config", Package: "pkg-config"},
}

// run runs a program that must succeed and returns its output.
func run(ctx context.Context, name string, args ...string) (string, error) {
	//nolint:gosec // G204: certutil, gcc and pkg-config
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return string(out), nil
}

func compile(ctx context.Context, dir string) (string, error) {
	src, binary := filepath.Join(dir, "cacard-vpcd.c"), filepath.Join(dir, "cacard-vpcd")
	if err := os.WriteFile(src, source, 0o600); err != nil {
		return "", fmt.Errorf("compile libcacard's card: %w", err)
	}
	flags, err := run(ctx, "pkg-config", "--cflags", "--libs", "libcacard")
	if err != nil {
		return "", fmt.Errorf("compile libcacard's card: %w", err)
	}
	if _, err := run(ctx, "gcc", append([]string{"-O2", "-o", binary, src}, strings.Fields(flags)...)...); err != nil {
		return "", fmt.Errorf("compile libcacard's card: %w", err)
	}
	return binary, nil
}

// certificateNames are the three that the applets of the card hold.
func certificateNames() []string { return []string{"id-cert", "sign-cert", "enc-cert"} }

// certificates makes an NSS database with a certificate authority and the card's
// certificates, of nobody.
func certificates(ctx context.Context, dir string) (string, error) {
	db, noise := filepath.Join(dir, "nss"), filepath.Join(dir, "noise")
	if err := os.Mkdir(db, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return db, nil // from an insertion before
		}
		return "", fmt.Errorf("make certificates: %w", err)
	}
	if err := os.WriteFile(noise, []byte(rand.Text()+rand.Text()), 0o600); err != nil {
		return "", fmt.Errorf("make certificates: %w", err)
	}
	steps := [][]string{
		{"-N", "--empty-password"},
		{"-S", "-s", "CN=Rig CA", "-x", "-t", "CT,CT,CT", "-n", "ca", "-m", "1", "-z", noise},
	}
	for i, name := range certificateNames() {
		steps = append(steps, []string{"-S", "-s", "CN=Anna Muster " + name, "-c", "ca", "-t", ",,", "-n", name, "-m", strconv.Itoa(i + 2), "-z", noise})
	}
	for _, s := range steps {
		if _, err := run(ctx, "certutil", append(s, "-d", "sql:"+db)...); err != nil {
			return "", fmt.Errorf("make certificates: %w", err)
		}
	}
	return db, nil
}
