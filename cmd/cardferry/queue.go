package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cardferry/gateway"
	"cardferry/gateway/admin"
	"cardferry/sync/queue"
)

func queueCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "queue", Short: "See and operate the store-and-forward queue"}
	var limit int
	ls := queueVerb("ls", "List items that wait, parked ones first", cobra.NoArgs, func(ctx context.Context, q admin.Queue, _ []string) (view, error) {
		parked, err := q.Parked(ctx)
		if err != nil {
			return nil, err
		}
		waiting, err := q.Items(ctx, 0, limit)
		return itemsView(append(parked, waiting...)), err
	})
	ls.Flags().IntVar(&limit, "limit", 100, "how many waiting items to list")
	var reason string
	drop := queueVerb("drop SEQ", "Give up a parked item for good", exactly(1, "the sequence number of a parked item"), func(ctx context.Context, q admin.Queue, args []string) (view, error) {
		return done("dropped"), withSeq(args, func(seq uint64) error { return q.Drop(ctx, seq, reason) })
	})
	drop.Flags().StringVar(&reason, "reason", "", "why, for the record; no patient data")
	drop.PreRunE = func(*cobra.Command, []string) error {
		if strings.TrimSpace(reason) == "" {
			return usageError{errors.New("dropping an item for good needs a reason: --reason TEXT")}
		}
		return nil
	}
	cmd.AddCommand(
		queueVerb("stat", "Show how much waits and how it flows", cobra.NoArgs, func(ctx context.Context, q admin.Queue, _ []string) (view, error) {
			st, err := q.Stat(ctx)
			return statView(st), err
		}),
		ls,
		queueVerb("show SEQ", "Show one item; never what it holds", exactly(1, "the sequence number of an item"), func(ctx context.Context, q admin.Queue, args []string) (view, error) {
			var it admin.Item
			err := withSeq(args, func(seq uint64) (err error) { it, err = q.Show(ctx, seq); return err })
			return itemView(it), err
		}),
		queueVerb("retry SEQ", "Deliver a parked item again", exactly(1, "the sequence number of a parked item"), func(ctx context.Context, q admin.Queue, args []string) (view, error) {
			return done("will be delivered again"), withSeq(args, func(seq uint64) error { return q.Retry(ctx, seq) })
		}),
		drop,
	)
	return cmd
}

func withSeq(args []string, f func(uint64) error) error {
	seq, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return usageError{fmt.Errorf("%q is not a sequence number; see: cardferry queue ls", args[0])}
	}
	return f(seq)
}

// view is an answer that can be printed for people; as JSON it is itself.
type view interface{ print(w io.Writer) error }

// queueVerb makes a command that works with or without a running daemon.
func queueVerb(use, short string, args cobra.PositionalArgs, f func(context.Context, admin.Queue, []string) (view, error)) *cobra.Command {
	var src source
	cmd := &cobra.Command{Use: use, Short: short, Args: args}
	src.register(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	destination := cmd.Flags().String("destination", "", "the queue back to this system of the hospital, by its name in hl7.destinations")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		cfg, err := src.load()
		if err != nil {
			return err
		}
		q, err := admin.Open(cmd.Context(), cfg.Admin.Listen, gateway.AdminTokenFile(cfg.DataDir), *destination, func() (*queue.Store, error) {
			if err := become(cfg.DataDir); err != nil {
				return nil, err
			}
			return gateway.OpenStore(cfg, *destination)
		})
		if err != nil {
			return err
		}
		defer func() {
			if closeErr := q.Close(); err == nil {
				err = closeErr
			}
		}()
		v, err := f(cmd.Context(), q, args)
		if err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
		}
		return v.print(cmd.OutOrStdout())
	}
	return cmd
}

type done string

func (d done) print(w io.Writer) error {
	_, err := fmt.Fprintln(w, string(d))
	return err
}

type statView admin.Stat

func (s statView) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "CLASS\tWAITING\tBYTES\tOLDEST")
	for _, c := range s.Classes {
		_, _ = fmt.Fprintf(t, "%s\t%d\t%d\t%s\n", c.Class, c.Items, c.Bytes, age(c.Oldest))
	}
	_, _ = fmt.Fprintf(t, "\nparked\t%d\t(lanes held: %d)\n", s.Parked, s.HeldLanes)
	_, _ = fmt.Fprintf(t, "on disk\t%d MB\tof %d MB, %d files\n", s.UsedBytes>>20, s.QuotaBytes>>20, s.Segments)
	_, _ = fmt.Fprintf(t, "commits\t%d\t%.1f items and %s each, lately\n", s.Commits, s.PerCommit, s.CommitTime.Round(10*time.Microsecond))
	for _, c := range s.Conditions {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\n", c.Severity, c.Code, c.Text)
	}
	return t.Flush()
}

type itemsView []admin.Item

func (v itemsView) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "SEQ\tCLASS\tKIND\tSOURCE\tAGE\tBYTES\tSTATE")
	for _, it := range v {
		state := "waiting"
		if it.Parked != nil {
			state = "parked: " + it.Parked.Code
		}
		_, _ = fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%d\t%s\n", it.Seq, it.Class, it.Kind, it.Source, age(it.Received), it.Bytes, state)
	}
	return t.Flush()
}

type itemView admin.Item

func (it itemView) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name string, value any) { _, _ = fmt.Fprintf(t, "%s\t%v\n", name, value) }
	row("seq", it.Seq)
	row("id", it.ID)
	row("class", it.Class)
	row("kind", it.Kind)
	row("source", it.Source)
	row("lanes", it.Lanes)
	row("received", it.Received.Format(time.RFC3339))
	row("bytes", it.Bytes)
	if p := it.Parked; p != nil {
		row("parked", fmt.Sprintf("%s, %d times, policy %s", p.At.Format(time.RFC3339), p.Times, p.Policy))
		row("reason", p.Code)
		row("detail", p.Detail)
		row("said by", p.Responder)
	}
	return t.Flush()
}

func age(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return time.Since(t).Round(time.Second).String()
}
