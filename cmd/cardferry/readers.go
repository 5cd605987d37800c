package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cardferry/configs"
	"cardferry/drivers/pcsc"
	"cardferry/gateway"
	"cardferry/gateway/admin"
	"cardferry/gateway/doctor"
)

func readersCommand() *cobra.Command {
	var src source
	cmd := &cobra.Command{
		Use: "readers", Short: "List readers, who holds them, and what to do about it", Args: cobra.NoArgs,
		Long: "List readers, who holds them, and what to do about it.\n\n" +
			"With a running daemon: what it drives, and USB devices that wait for approval.\n" +
			"In any case: what is attached to this machine. Programs of other users show as root only.",
	}
	src.register(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := src.loadOrDefault()
		if err != nil {
			return err
		}
		v, err := listReaders(cmd.Context(), cfg)
		if err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
		}
		return v.print(cmd.OutOrStdout())
	}
	cmd.AddCommand(
		decideCommand("approve DEVICE", "Let the daemon use a USB device", true),
		decideCommand("revoke DEVICE", "Have the daemon leave a USB device alone again", false),
	)
	return cmd
}

// decideCommand keeps a decision about a USB device, through the daemon.
func decideCommand(use, short string, approved bool) *cobra.Command {
	var src source
	cmd := &cobra.Command{Use: use, Short: short, Args: exactly(1, "a device as cardferry readers names it")}
	src.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := src.load()
		if err != nil {
			return err
		}
		c, err := admin.Dial(cmd.Context(), cfg.Admin.Listen, gateway.AdminTokenFile(cfg.DataDir))
		if err != nil {
			return fmt.Errorf("%w; a device is approved at the running daemon", err)
		}
		defer func() { _ = c.Close() }()
		if err := c.Approve(cmd.Context(), args[0], approved); err != nil {
			return err
		}
		word := map[bool]string{true: "approved", false: "no longer used"}[approved]
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", args[0], word)
		return err
	}
	return cmd
}

// readersView is what is known of readers from all sides.
type readersView struct {
	Daemon   bool            `json:"daemon"`
	Readers  []admin.Reader  `json:"readers,omitempty"`
	Devices  []admin.Device  `json:"devices,omitempty"`
	PCSC     []pcsc.Surveyed `json:"pcsc,omitempty"`
	PCSCSays string          `json:"pcsc_fault,omitempty"`
	Hardware []doctor.Device `json:"hardware,omitempty"`
	Note     string          `json:"note,omitempty"`
}

func listReaders(ctx context.Context, cfg *configs.Config) (readersView, error) {
	var v readersView
	c, err := admin.Dial(ctx, cfg.Admin.Listen, gateway.AdminTokenFile(cfg.DataDir))
	switch {
	case err == nil:
		defer func() { _ = c.Close() }()
		v.Daemon = true
		known, err := c.Readers(ctx)
		if err != nil {
			return v, err
		}
		v.Readers, v.Devices = known.Readers, known.Devices
	case !errors.Is(err, admin.ErrNoDaemon):
		v.Note = err.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	found, fault := pcsc.Survey(ctx)
	if v.PCSC = found; fault != nil {
		v.PCSCSays = fault.Detail
	}
	if v.Hardware, err = doctor.Hardware(); err != nil && v.Note == "" {
		v.Note = err.Error()
	}
	return v, nil
}

// deviceAdvice says what to do about a device that the daemon does not use, by
// the driver's remedy code.
func deviceAdvice(d admin.Device) string {
	switch d.Remedy {
	case "":
		return ""
	case "approve":
		return "cardferry readers approve '" + d.ID + "'"
	case "list_device":
		return "list it under readers.usb"
	case "udev_rule":
		return "permission denied: add a udev rule for it (docs/readers.md), then plug it in again"
	case "close_program":
		return "another program or driver holds it: see who below, and close that"
	case "set_kind":
		return "say what it is: kind, under readers.usb"
	case "check_and_replug":
		return "check cable and power, plug it in again"
	case "enable_cards":
		return "it needs card profiles"
	}
	return d.Remedy
}

func (v readersView) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells ...string) { _, _ = fmt.Fprintln(t, strings.Join(cells, "\t")) }
	if v.Daemon {
		line("READER", "DRIVER", "STATE", "SINCE", "")
		for _, r := range v.Readers {
			state := r.State
			if r.Fault != "" {
				state = r.Fault
			}
			if r.Simulated {
				state += " (simulated)"
			}
			line(r.Name, r.Driver, state, age(r.Since), r.Detail)
		}
		if len(v.Readers) == 0 {
			line("none yet")
		}
		if len(v.Devices) > 0 {
			line("")
			line("USB DEVICE", "KIND", "STATE", "PRODUCT", "DO")
		}
		for _, d := range v.Devices {
			line(d.ID, d.Kind, d.State, d.Product, deviceAdvice(d))
		}
	} else {
		line("The daemon is not running: this is what is attached.")
	}
	line("")
	line("SMART CARD SERVICE", "CARD", "")
	for _, r := range v.PCSC {
		line(r.Name, map[bool]string{true: "card", false: "empty"}[r.Card], surveyAdvice(r))
	}
	switch {
	case v.PCSCSays != "":
		line(v.PCSCSays)
	case len(v.PCSC) == 0:
		line("no readers")
	}
	if len(v.Hardware) > 0 {
		line("")
		line("ATTACHED", "USB", "LOOKS LIKE", "KERNEL DRIVER", "HELD BY")
	}
	for _, d := range v.Hardware {
		line(d.Name+" "+d.Product, d.USB, d.Kind, d.Driver, holders(d))
	}
	if v.Note != "" {
		line("")
		line(v.Note)
	}
	return t.Flush()
}

func surveyAdvice(r pcsc.Surveyed) string {
	switch {
	case r.Exclusive:
		return "another program holds the card for itself: close it"
	case r.Mute:
		return "the card does not answer: turn it, wipe its contacts"
	case r.Shared:
		return "in use"
	}
	return ""
}

func holders(d doctor.Device) string {
	var names []string
	for _, p := range d.Holders {
		names = append(names, p.String())
	}
	if d.Denied {
		names = append(names, "(permission denied for this user)")
	}
	return strings.Join(names, ", ")
}
