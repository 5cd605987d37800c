//go:build !linux

package pcscd

import (
	"context"
	"fmt"
	"os"
)

var sigTerm, sigStop, sigCont = os.Interrupt, os.Interrupt, os.Interrupt

func need(context.Context, bool) error {
	return fmt.Errorf("%w: pcscd with virtual readers runs on Linux only", ErrUnavailable)
}

func freePorts(int) ([]int, error)              { return nil, ErrUnavailable }
func (d *Daemon) prepare(context.Context) error { return ErrUnavailable }
func (d *Daemon) launch() (*process, error)     { return nil, ErrUnavailable }
func (d *Daemon) tail() string                  { return "" }
func answers(context.Context, string) bool      { return false }
