package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// maxInput bounds what a command reads from a file or standard input, bytes.
const maxInput = 64 << 20

// open opens a file, or standard input for "-".
func open(cmd *cobra.Command, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(cmd.InOrStdin()), nil
	}
	return os.Open(name)
}

// input reads standard input whole.
func input(cmd *cobra.Command, isHex bool) ([]byte, error) {
	b, err := readAll(cmd.InOrStdin())
	if err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	if !isHex {
		return b, nil
	}
	b, err = hex.DecodeString(strings.Join(strings.Fields(string(b)), ""))
	if err != nil {
		return nil, fmt.Errorf("standard input is not hexadecimal: %w", err)
	}
	return b, nil
}

// readAll reads all there is, up to maxInput.
func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err == nil && len(b) > maxInput {
		err = fmt.Errorf("larger than %d MB", maxInput>>20)
	}
	return b, err
}

// message reads one message, or several, from a file or standard input. Line
// ends of an editor are turned into the segment ends that HL7 wants.
func message(cmd *cobra.Command, args []string) ([]byte, error) {
	name := "-"
	if len(args) > 0 {
		name = args[0]
	}
	in, err := open(cmd, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = in.Close() }()
	raw, err := readAll(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if !bytes.ContainsRune(raw, '\r') {
		raw = bytes.ReplaceAll(bytes.TrimRight(raw, "\n"), []byte("\n"), []byte("\r"))
		raw = append(raw, '\r')
	}
	return raw, nil
}
