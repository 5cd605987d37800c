package pty

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Port is a plugged-in device. Its methods are safe for concurrent use.
type Port struct {
	link  string
	line  *Line
	once  sync.Once
	err   error
	ended chan struct{} // the device has stopped
}

// Plug creates a pseudo terminal, starts dev at its device end and makes link a
// symbolic link to its host end. The folder of link must exist; what was at link is
// replaced in one step.
func Plug(link string, dev Device) (*Port, error) {
	line, slave, err := openLine()
	if err != nil {
		return nil, fmt.Errorf("open pseudo terminal: %w", err)
	}
	p := &Port{link: link, line: line, ended: make(chan struct{})}
	serve := dev.Connect(line)
	go func() {
		defer close(p.ended)
		serve()
	}()
	if err := relink(slave, link); err != nil {
		err = errors.Join(err, line.close())
		<-p.ended
		return nil, err
	}
	return p, nil
}

// relink points link at target without a moment at which link is missing.
func relink(target, link string) error {
	tmp := link + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, link)
}

// Unplug removes the link and hangs the line up: the host's reads end and its
// writes fail. It returns once the device has stopped; a second call does nothing.
func (p *Port) Unplug() error {
	p.once.Do(func() {
		p.err = errors.Join(os.Remove(p.link), p.line.close())
		<-p.ended
	})
	return p.err
}

// Line is the device's end of the wire. Reads and writes by different goroutines
// may run at the same time.
type Line struct {
	master *os.File
	// slave is kept open so that the master does not fail with EIO while no host
	// has the port open.
	slave *os.File
	gone  chan struct{}
}

func openLine() (*Line, string, error) {
	m, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, "", err
	}
	l := &Line{master: m, gone: make(chan struct{})}
	n := 0
	err = control(m, func(fd int) (err error) {
		if err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		return err
	})
	if err != nil {
		return nil, "", errors.Join(err, m.Close())
	}
	name := "/dev/pts/" + strconv.Itoa(n)
	if l.slave, err = os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return nil, "", errors.Join(err, m.Close())
	}
	// Raw from the start: a fresh tty would echo the device's bytes back to it.
	err = control(l.slave, func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err != nil {
			return err
		}
		t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
		return unix.IoctlSetTermios(fd, unix.TCSETS, t)
	})
	if err != nil {
		return nil, "", errors.Join(err, l.close())
	}
	return l, name, nil
}

func (l *Line) close() error {
	close(l.gone)
	return errors.Join(l.slave.Close(), l.master.Close())
}

// Read reads what the host wrote. It fails once the line is unplugged.
func (l *Line) Read(b []byte) (int, error) { return l.master.Read(b) }

// Write sends bytes at once. It blocks while the host does not read and about
// 4 KB are waiting.
func (l *Line) Write(b []byte) (int, error) { return l.master.Write(b) }

// Drip sends bytes as fast as a UART of that many baud would (8N1: ten bits a
// byte), which splits a scan over several reads of the host. Zero baud is at once.
func (l *Line) Drip(b []byte, baud int) error {
	if baud <= 0 {
		_, err := l.Write(b)
		return err
	}
	per := 10 * time.Second / time.Duration(baud)
	start := time.Now()
	for i := range b {
		select {
		case <-l.gone:
			return ErrUnplugged
		case <-time.After(time.Until(start.Add(time.Duration(i+1) * per))):
		}
		if _, err := l.Write(b[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

// Baud returns the rate the host has set, in bits per second.
func (l *Line) Baud() (int, error) {
	var speed uint32
	err := control(l.master, func(fd int) error {
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
		if err == nil {
			speed = t.Ospeed
		}
		return err
	})
	return int(speed), err
}

// control runs f on the descriptor without taking the file out of the poller.
func control(file *os.File, f func(fd int) error) error {
	rc, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	if err := rc.Control(func(fd uintptr) { ferr = f(int(fd)) }); err != nil {
		return err
	}
	return ferr
}
