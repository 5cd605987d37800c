// Package demo shows the whole gateway at work on one machine: a desk with
// simulated readers, a hub, a platform, and a small hospital system that sends
// HL7 v2. The three tiers are real daemons in processes of their own, so that a
// plug can be pulled. Nothing is opened outside loopback.
package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"cardferry/drivers/card/isocard"
	"cardferry/drivers/rig/pcscd"
	"cardferry/gateway/admin"
	"cardferry/hl7"
	"cardferry/hl7/mllp"
)

// Options say how the demo is run.
type Options struct {
	Binary string // the cardferry to start as the tiers
	Once   bool   // end after the story instead of going on until interrupted
	PCSC   bool   // put chip cards into virtual readers of a real pcscd
	Out    io.Writer
}

// Run tells the story and then keeps going until ctx ends.
func Run(ctx context.Context, o Options) (err error) {
	dir, err := os.MkdirTemp("", "cardferry-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d := &demo{out: o.Out, his: &his{now: time.Now}}
	if err := d.configure(o, dir); err != nil {
		return err
	}
	if o.PCSC {
		if err := d.openPCSC(ctx, dir); err != nil {
			return err
		}
	}
	defer d.stop()
	if err := d.story(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // interrupted: not a failure
		}
		return err
	}
	if o.Once {
		return nil
	}
	d.say("")
	d.say("Now it goes on by itself: a message every 3 s, a card every 10 s. Ctrl-C ends it.")
	d.say("  Desk page   http://%s/", d.deskAddr)
	return d.goOn(ctx)
}

type demo struct {
	out                 io.Writer
	platform, hub, desk *tier
	hl7Addr, deskAddr   string
	platformAPI         platformAPI
	deskAPI             deskAPI
	pcsc                *pcscd.Daemon // nil without real PC/SC
	chips               map[string]*isocard.Card
	his                 *his
	client              mllp.Client
	acked               int // messages the hub acknowledged
	reads               int // card reads that were queued
}

func (d *demo) say(format string, args ...any) { _, _ = fmt.Fprintf(d.out, format+"\n", args...) }

func (d *demo) configure(o Options, dir string) error {
	token := rand.Text()
	tokenFile := filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, []byte(token), 0o600); err != nil {
		return err
	}
	var err error
	addr := func(want string) (a string) {
		if err == nil {
			a, err = prefer(want)
		}
		return a
	}
	platformAddr, hubAddr := addr("127.0.0.1:8650"), addr("127.0.0.1:8642")
	d.hl7Addr, d.deskAddr = addr("127.0.0.1:2575"), addr("127.0.0.1:8640")
	if err != nil {
		return err
	}
	d.client.Addr = d.hl7Addr
	site := "site: {id: \"000000000\", name: \"Demo Hospital\"}\n"
	tier := func(name, yaml string) (t *tier) {
		if err == nil {
			t, err = newTier(o.Binary, dir, name, site+yaml)
		}
		return t
	}
	d.platform = tier("platform", fmt.Sprintf("role: hub\ningest: {listen: %q, token_file: %q}\nupstream: {kind: repository}\n", platformAddr, tokenFile))
	d.hub = tier("hub", fmt.Sprintf("role: hub\nhl7: {listen: %q}\ningest: {listen: %q, token_file: %q}\nupstream: {kind: fhir, url: \"http://%s/fhir\", token_file: %q}\n",
		d.hl7Addr, hubAddr, tokenFile, platformAddr, tokenFile))
	d.desk = tier("desk", fmt.Sprintf("role: desk\ndesk: {listen: %q, name: reg-01}\nreaders: {pcsc: {enabled: %t}, virtual: {enabled: true}}\nupstream: {kind: fhir, url: \"http://%s/fhir\", token_file: %q}\n",
		d.deskAddr, o.PCSC, hubAddr, tokenFile))
	d.platformAPI = platformAPI{api{"http://" + platformAddr, token}}
	d.deskAPI = deskAPI{api{base: "http://" + d.deskAddr}}
	return err
}

// start runs a tier and says what it cost.
func (d *demo) start(ctx context.Context, t *tier, what string) error {
	took, err := t.start(ctx)
	if err != nil {
		return err
	}
	d.say("  %-9s ready after %3d ms, %2d MB  %s", t.name, took.Milliseconds(), t.memory()>>20, what)
	return nil
}

func (d *demo) stop() {
	_ = d.client.Close()
	var wg sync.WaitGroup
	for _, t := range []*tier{d.desk, d.hub, d.platform} {
		wg.Go(t.stop)
	}
	wg.Wait()
	if d.pcsc != nil {
		_ = d.pcsc.Stop() // its directory goes with the rest
	}
	d.say("All three tiers have ended; nothing is left behind.")
}

// queue asks a tier how much waits in its queue.
func (d *demo) queue(ctx context.Context, t *tier) (waiting int, err error) {
	q, err := admin.Open(ctx, t.admin, filepath.Join(t.dir, "data", "admin.token"), "", nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	st, err := q.Stat(ctx)
	for _, c := range st.Classes {
		waiting += c.Items
	}
	return waiting + st.Parked, err
}

// send sends one message from the hospital system and returns the answer's code.
func (d *demo) send(ctx context.Context, msg string) (hl7.AckCode, time.Duration, error) {
	begin := time.Now()
	ack, err := d.client.Send(ctx, []byte(msg))
	if err == nil && ack.Code.Positive() {
		d.acked++
	}
	return ack.Code, time.Since(begin), err
}

// goOn keeps a trickle going until ctx ends.
func (d *demo) goOn(ctx context.Context) error {
	message, card := time.NewTicker(3*time.Second), time.NewTicker(10*time.Second)
	defer message.Stop()
	defer card.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			d.say("")
			return nil
		case <-message.C:
			code, took, err := d.send(ctx, d.his.result(i, 100_000+i))
			if err != nil {
				d.say("  HIS  no answer: %v", err)
				continue
			}
			d.say("  HIS  ORU^R01 -> %s after %s", code, took.Round(10*time.Microsecond))
		case <-card.C:
			c := deck[i%len(deck)]
			r, took, err := d.present(ctx, c)
			if err != nil {
				d.say("  desk card %s: %v", c, err)
				continue
			}
			d.say("  desk card %s -> %s after %s", c, who(r), took.Round(10*time.Microsecond))
		}
	}
}
