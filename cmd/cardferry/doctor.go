package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"cardferry/configs"
	"cardferry/gateway"
	"cardferry/gateway/admin"
	"cardferry/gateway/desk"
	"cardferry/gateway/doctor"
)

func doctorCommand() *cobra.Command {
	var src source
	cmd := &cobra.Command{
		Use: "doctor", Short: "Say what is wrong on this machine and how to mend it", Args: cobra.NoArgs,
		Long: "Say what is wrong on this machine and how to mend it. Changes nothing.\n" +
			"Best run as root: other users' programs and files are hidden from everybody else.\n" +
			"Exit code 0: nothing is broken (there may be warnings); 1: something is.",
	}
	src.register(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := src.load()
		if err != nil {
			return err
		}
		found := doctor.Examine(cmd.Context(), doctor.Machine{
			Config: cfg, TestTables: tablesReport(cfg), Daemon: askDaemon(cmd.Context(), cfg),
		})
		if *asJSON {
			err = json.NewEncoder(cmd.OutOrStdout()).Encode(found)
		} else {
			err = printFindings(cmd.OutOrStdout(), found)
		}
		if err == nil && doctor.Worst(found) == doctor.Error {
			err = errors.New("something is broken; see above")
		}
		return err
	}
	return cmd
}

func printFindings(w io.Writer, found []doctor.Finding) error {
	mark := map[doctor.Level]string{doctor.OK: "ok   ", doctor.Warning: "WARN ", doctor.Error: "FAIL "}
	for _, f := range found {
		if _, err := fmt.Fprintf(w, "%s %-12s %s\n", mark[f.Level], f.Check, f.Says); err != nil {
			return err
		}
		if f.Do == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%19sdo: %s\n", "", f.Do); err != nil {
			return err
		}
	}
	return nil
}

// tablesReport replays the tests of a site's tables.
func tablesReport(cfg *configs.Config) func(context.Context) (doctor.TablesReport, error) {
	return func(ctx context.Context) (doctor.TablesReport, error) {
		t, err := gateway.LoadTables(cfg.TablesDir, cfg.Readers.CardKeys)
		if err != nil {
			return doctor.TablesReport{}, err
		}
		r := doctor.TablesReport{Cards: len(t.Cards.Profiles())}
		add := func(name string, err error) {
			if r.Tests++; err != nil {
				r.Failed = append(r.Failed, name)
			}
		}
		for _, c := range t.Cards.TestProfiles(ctx) {
			add(c.Profile+": "+c.Test, c.Err)
		}
		rules := map[string]bool{}
		for _, c := range t.Codes.Test() {
			rules[c.Rule] = true
			add(c.Rule+": "+c.Case, c.Err)
		}
		r.Codes = len(rules)
		return r, nil
	}
}

// askDaemon is what the daemon says of itself; nil when none runs or this user may
// not ask it.
func askDaemon(ctx context.Context, cfg *configs.Config) *doctor.Daemon {
	c, err := admin.Dial(ctx, cfg.Admin.Listen, gateway.AdminTokenFile(cfg.DataDir))
	if err != nil {
		return nil
	}
	defer func() { _ = c.Close() }()
	var st desk.Status
	if err := c.Status(ctx, &st); err != nil {
		return nil
	}
	d := &doctor.Daemon{Version: st.Version, Parked: st.Queue.Parked, Upstream: string(st.Upstream.State)}
	for _, n := range st.Queue.Depth {
		d.Waiting += n
	}
	for _, h := range st.Health {
		d.Conditions = append(d.Conditions, doctor.Condition{Code: h.Code, Severity: string(h.Severity)})
	}
	if r, err := c.Readers(ctx); err == nil {
		for _, x := range r.Devices {
			if x.Waiting() {
				d.Unapproved = append(d.Unapproved, x.ID)
			}
		}
	}
	return d
}
