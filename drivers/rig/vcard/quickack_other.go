//go:build !linux

package vcard

import "io"

// quickAcker does nothing: TCP_QUICKACK is Linux only.
func quickAcker(io.ReadWriter) func() { return func() {} }
