package gateway

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"cardferry/configs"
	"cardferry/gateway/desk"
	"cardferry/gateway/intake"
	"cardferry/gateway/outbound"
	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
	"cardferry/sync/upstream"
)

// OutboundDir is where the queues back into the hospital live.
func OutboundDir(dataDir string) string { return filepath.Join(dataDir, "outbound") }

// openHL7 makes what speaks HL7 v2 with the hospital's systems: the listener with what
// it answers, and the queues that go back.
func (g *Gateway) openHL7() error {
	var err error
	if g.intake, err = g.newIntake(); err != nil {
		return err
	}
	if g.mllp, err = g.newListener(); err != nil {
		return err
	}
	if g.outbound, err = g.newOutbound(); err != nil {
		return fmt.Errorf("hl7.destinations: %w", err)
	}
	return nil
}

func (g *Gateway) newIntake() (*intake.Intake, error) {
	h := g.cfg.HL7
	seal, _, err := g.keys.Sealing("intake")
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	o := intake.Options{
		Seal: seal, Enqueue: g.store.Enqueue, ItemID: g.keys.ItemID, Lane: g.keys.Lane,
		Default: intake.Sender{Charset: h.Charset}, OnlyListed: h.OnlyListed,
		MaxMessage: int(h.MaxMessage), Zone: g.zone, StateDir: filepath.Join(g.cfg.DataDir, "intake"), Logger: g.log,
	}
	charsets := []struct{ key, name string }{{"hl7.charset", h.Charset}}
	for i, s := range h.Senders {
		charsets = append(charsets, struct{ key, name string }{fmt.Sprintf("hl7.senders[%d].charset", i), s.Charset})
		sender := intake.Sender{
			Name: s.Name, Application: s.Application, Facility: s.Facility, Allow: configs.Networks(s.Allow),
			Certificate: s.Certificate, Charset: s.Charset, ForceCharset: s.Force, Sequence: s.Sequence, ReplyTo: s.ReplyTo,
		}
		if s.Charset == "" {
			sender.Charset = h.Charset
		}
		if s.ReusedID == configs.ReusedIDKeep {
			sender.ReusedID = intake.Keep
		}
		if s.OnFull == configs.OnFullWithhold {
			sender.OnFull = intake.Withhold
		}
		o.Senders = append(o.Senders, sender)
	}
	for _, d := range h.Destinations {
		charsets = append(charsets, struct{ key, name string }{"hl7.destinations " + d.Name + ".charset", d.Charset})
	}
	for _, c := range charsets {
		if c.name != "" && !hl7.KnownCharset(c.name) {
			return nil, errors.New(c.key + ": not a known character set; write UTF-8, GB18030, Big5 or 8859/1, for example")
		}
	}
	in, err := intake.New(o)
	if err != nil {
		return nil, fmt.Errorf("hl7.senders: %w", err)
	}
	return in, nil
}

// newListener makes the MLLP listener. Connections that end for a reason other than the
// sender's own are logged by cause and address, without a byte of what was sent.
func (g *Gateway) newListener() (*mllp.Server, error) {
	h := g.cfg.HL7
	srv := &mllp.Server{
		Handler: g.intake.Handle, OnFragment: g.intake.Fragment, MaxMessage: int(h.MaxMessage),
		Allow: configs.Networks(h.Allow), MaxConns: h.MaxConnections, Rate: float64(h.Rate), Idle: h.Idle,
		OnEnd: func(peer mllp.Peer, cause mllp.Cause) {
			if cause.Fault() {
				g.log.Warn("HL7 connection ended", "peer", peer.String(), "certificate", peer.Name(), "cause", cause)
			}
		},
	}
	if !h.TLS.Enabled() {
		return srv, nil
	}
	var err error
	if srv.TLS, err = newServerTLS(h.TLS, g.log); err != nil {
		return nil, fmt.Errorf("hl7.tls: %w", err)
	}
	return srv, nil
}

func (g *Gateway) newOutbound() (*outbound.Outbound, error) {
	quota, reserve, err := bounds(g.cfg.DataDir, g.cfg.Queue)
	if err != nil {
		return nil, err
	}
	o := outbound.Options{
		Dir: OutboundDir(g.cfg.DataDir), Keys: g.keys, ItemID: g.keys.ItemID, Lane: g.keys.Lane,
		QuotaBytes: quota, ReserveBytes: reserve, Logger: g.log,
	}
	for _, d := range g.cfg.HL7.Destinations {
		dest := outbound.Destination{
			Name: d.Name, Addr: d.Address, AckTimeout: d.AckTimeout, ApplicationAckTimeout: d.AckTimeout,
			Gap: d.MessageGap, Charset: d.Charset,
		}
		if d.TLS {
			if dest.TLS, err = clientTLS(d.CAFile, d.CertFile, d.KeyFile); err != nil {
				return nil, fmt.Errorf("%s: %w", d.Name, err)
			}
		}
		if d.OnError == configs.OnErrorPark {
			dest.OnError = outbound.Park
		}
		if d.WhileParked == configs.WhileParkedContinue {
			dest.WhileParked = queue.Continue
		}
		o.Destinations = append(o.Destinations, dest)
	}
	return outbound.New(o)
}

// acknowledgeLimit is how long an application acknowledgement may take to get onto the
// disk; delivery upwards waits for it.
const acknowledgeLimit = 10 * time.Second

// onSettled tells the sender of a message what became of it, where it asked for that
// (MSH-16) and the site says where to (reply_to). The time is that of the message: a
// repeat of the same news must be the same bytes.
func (g *Gateway) onSettled(it queue.Item, refused *upstream.Refused) {
	if it.Kind != queue.KindHL7v2 {
		return
	}
	outcome, info := hl7.Accepted, hl7.AckInfo{Now: it.Received.In(g.zone)}
	if refused != nil {
		outcome, info.ErrorCode = hl7.Failed, hl7.ApplicationError
		info.Text = "the platform did not take it (" + refused.Code + "); it waits for a person at the gateway"
	}
	destination, ack, ok := g.intake.Deferred(it, outcome, info)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), acknowledgeLimit)
	defer cancel()
	if _, err := g.outbound.Send(ctx, destination, ack); err != nil {
		g.log.Error("an application acknowledgement is not sent", "destination", destination, "seq", it.Seq, "error", err)
	}
}

// destinationHealth says what keeps messages from the hospital's systems.
func (g *Gateway) destinationHealth() []desk.Condition {
	down, parked := false, false
	for _, d := range g.outbound.State() {
		down = down || d.LastError != "" && d.Backlog > 0
		parked = parked || d.Parked > 0
	}
	var out []desk.Condition
	if down {
		out = append(out, desk.Condition{Code: "destination_unreachable", Severity: desk.SeverityWarning})
	}
	if parked {
		out = append(out, desk.Condition{Code: "destination_refuses", Severity: desk.SeverityWarning})
	}
	return out
}
