package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
)

// hl7ListenCommand is a receiver for trying a sender, or a destination of the daemon.
func hl7ListenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "listen ADDRESS", Short: "Receive messages over MLLP and print them: to try a sender", Args: exactly(1, "an address, like 127.0.0.1:2576"),
		Long: "Receive messages over MLLP, print each and acknowledge it, until interrupted: to try a sender,\n" +
			"or a destination of the daemon. It keeps nothing; a hospital's messages belong to cardferry serve.",
	}
	code := cmd.Flags().String("answer", "AA", "the acknowledgement: AA, AE or AR")
	count := cmd.Flags().Int("count", 0, "end after so many messages; 0 is never")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		outcome, ok := map[string]hl7.Outcome{"AA": hl7.Accepted, "AE": hl7.Failed, "AR": hl7.Rejected}[*code]
		if !ok {
			return usageError{fmt.Errorf("--answer is AA, AE or AR")}
		}
		l, err := net.Listen("tcp", args[0])
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(cmd.Context())
		defer cancel()
		_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "listening on", l.Addr())
		got := make(chan []byte)
		srv := &mllp.Server{Handler: func(ctx context.Context, raw []byte, _ mllp.Peer) mllp.Reply {
			select {
			case got <- raw:
			case <-ctx.Done():
			}
			return mllp.Reply{ACK: answer(raw, outcome)}
		}}
		ended := make(chan error, 1)
		go func() { ended <- srv.Serve(ctx, l) }()
		for n := 0; ; {
			select {
			case err := <-ended:
				return err
			case raw := <-got:
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n\n", bytes.ReplaceAll(bytes.TrimRight(raw, "\r"), []byte("\r"), []byte("\n")))
				if n++; n == *count || err != nil {
					cancel() // what is under way is still answered
					if ended := <-ended; err == nil {
						err = ended
					}
					return err
				}
			}
		}
	}
	return cmd
}

// answer acknowledges a message as its sender asked for; nil is no answer.
func answer(raw []byte, outcome hl7.Outcome) []byte {
	m, err := hl7.Parse(raw, hl7.Options{})
	if err != nil {
		return hl7.NAK(raw, err, hl7.AckInfo{Now: time.Now()})
	}
	mode := m.AckMode()
	code, wanted := mode.Immediate(outcome)
	if !wanted || m.IsAck() && mode.Accept != hl7.Always { // an acknowledgement is only answered where it asks
		return nil
	}
	return hl7.ACK(raw, hl7.AckInfo{Code: code, Now: time.Now()})
}
