//go:build !linux

package pty

import (
	"errors"
	"fmt"
)

// Port is a plugged-in device.
type Port struct{}

// Plug fails: this operating system has no pseudo terminals that a serial driver
// could open.
func Plug(string, Device) (*Port, error) {
	return nil, fmt.Errorf("simulated serial devices need Linux: %w", errors.ErrUnsupported)
}

// Unplug does nothing.
func (p *Port) Unplug() error { return nil }

// Line is the device's end of the wire, which never exists here.
type Line struct{}

// Read fails.
func (l *Line) Read([]byte) (int, error) { return 0, ErrUnplugged }

// Write fails.
func (l *Line) Write([]byte) (int, error) { return 0, ErrUnplugged }

// Drip fails.
func (l *Line) Drip([]byte, int) error { return ErrUnplugged }

// Baud fails.
func (l *Line) Baud() (int, error) { return 0, ErrUnplugged }
