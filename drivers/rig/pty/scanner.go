package pty

import (
	"io"
	"sync"
)

// Scanner is a bar code and QR code scanner on a serial line: it sends each code
// with a suffix and understands nothing. It may be plugged in again after an
// unplug. Its methods are safe for concurrent use.
type Scanner struct {
	Suffix string // what follows a code, usually "\r\n"
	Baud   int    // 0 sends at once

	sending sync.Mutex
	mu      sync.Mutex
	line    *Line
}

// Connect implements [Device]: the scanner throws away what the host sends.
func (s *Scanner) Connect(line *Line) (serve func()) {
	s.set(line)
	return func() {
		defer s.set(nil)
		_, _ = io.Copy(io.Discard, line) // ends with an error when unplugged
	}
}

func (s *Scanner) set(line *Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line = line
}

// Scan sends code and the suffix, and returns once they are on the wire.
func (s *Scanner) Scan(code string) error { return s.Send([]byte(code + s.Suffix)) }

// Send sends raw bytes without suffix.
func (s *Scanner) Send(b []byte) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	line := s.current()
	if line == nil {
		return ErrUnplugged
	}
	return line.Drip(b, s.Baud)
}

// Flood sends n bytes without line end, as a scanner gone mad does.
func (s *Scanner) Flood(n int) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	line := s.current()
	if line == nil {
		return ErrUnplugged
	}
	chunk := make([]byte, 4096)
	for i := range chunk {
		chunk[i] = '0' + byte(i%10)
	}
	for n > 0 {
		sent, err := line.Write(chunk[:min(n, len(chunk))])
		if err != nil {
			return err
		}
		n -= sent
	}
	return nil
}

func (s *Scanner) current() *Line {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.line
}
