package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"cardferry/drivers"
)

// deck is the order in which simulated cards are presented; see
// configs/simulated/deck.json.
var deck = []string{"tw-nhi", "cn-ssc", "de-egk", "th-nid", "cn-resident-id", "cn-ehc-qr"}

// Outage is how many messages the hospital system sends while the platform is
// away.
const outage = 300

func (d *demo) story(ctx context.Context) error {
	for _, chapter := range []func(context.Context) error{
		d.begin, d.cards, d.messages, d.platformAway, d.hubKilled, d.platformBack,
	} {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) begin(ctx context.Context) error {
	d.say("cardferry demo: three daemons on this machine, loopback only. Every card and person is invented.")
	d.say("")
	d.say("1. Start")
	return errors.Join(
		d.start(ctx, d.platform, d.platformAPI.base+"/fhir"),
		d.start(ctx, d.hub, "MLLP "+d.hl7Addr),
		d.start(ctx, d.desk, "http://"+d.deskAddr+"/  <- open this page"),
	)
}

func (d *demo) cards(ctx context.Context) error {
	d.say("")
	through := "simulated readers"
	if d.pcsc != nil {
		through = "chip cards through a real pcscd, which looks for cards every 0.4 s"
	}
	d.say("2. Cards at the desk (%s, real profiles) -> patient -> platform", through)
	for _, c := range deck {
		r, took, err := d.present(ctx, c)
		if err != nil {
			return fmt.Errorf("card %s: %w", c, err)
		}
		begin := time.Now()
		arrived := "shown at the desk only: it names nobody"
		if r.Patient != nil && len(r.Patient.Identifier) > 0 {
			d.reads++
			if err := d.awaitPatient(ctx, r); err != nil {
				return fmt.Errorf("card %s did not reach the platform: %w", c, err)
			}
			arrived = fmt.Sprintf("at the platform %d ms later", time.Since(begin).Milliseconds())
		}
		d.say("  %-15s %-28s desk %4.1f ms, %s", c, who(r), float64(took.Microseconds())/1000, arrived)
	}
	return nil
}

func (d *demo) awaitPatient(ctx context.Context, r drivers.Read) error {
	id := r.Patient.Identifier[0]
	return await(ctx, 10*time.Second, func() (bool, error) {
		b, err := d.platformAPI.find(ctx, "Patient", id.System, id.Value)
		return err == nil && len(b.Entry) > 0, err
	})
}

// who is a read in a few words; the people are invented.
func who(r drivers.Read) string {
	var words []string
	if p := r.Patient; p != nil {
		if len(p.Name) > 0 {
			n := p.Name[0]
			text := n.Text
			if text == "" {
				text = strings.TrimSpace(n.Family + " " + strings.Join(n.Given, " "))
			}
			words = append(words, text)
		}
		for _, w := range []string{p.Gender, p.BirthDate} {
			if w != "" {
				words = append(words, w)
			}
		}
	}
	if len(words) == 0 {
		words = append(words, r.Medium)
	}
	if r.Partial {
		words = append(words, "(partial)")
	}
	return strings.Join(words, " ")
}

func (d *demo) messages(ctx context.Context) error {
	d.say("")
	d.say("3. HL7 v2 from the hospital system -> acknowledged when on disk -> FHIR -> platform")
	for _, m := range []struct{ name, text string }{
		{"ADT^A01 admit", d.his.admit(0)},
		{"ADT^A08 update", d.his.update(0, 1)},
		{"ORU^R01 result", d.his.result(0, 1)},
	} {
		code, took, err := d.send(ctx, m.text)
		if err != nil {
			return err
		}
		if err := d.settled(ctx, 10*time.Second); err != nil {
			return err
		}
		d.say("  %-15s %s after %.1f ms", m.name, code, float64(took.Microseconds())/1000)
	}
	return d.account(ctx)
}

// account counts what the platform has.
func (d *demo) account(ctx context.Context) error {
	var parts []string
	for _, typ := range []string{"Patient", "Encounter", "Observation", "DiagnosticReport", "Coverage", "Provenance"} {
		n, err := d.platformAPI.count(ctx, typ)
		if err != nil {
			return err
		}
		parts = append(parts, fmt.Sprintf("%d %s", n, typ))
	}
	d.say("  The platform has %s.", strings.Join(parts, ", "))
	return nil
}

// settled waits until the platform has the provenance of every message and read:
// each leaves exactly one.
func (d *demo) settled(ctx context.Context, limit time.Duration) error {
	return await(ctx, limit, func() (bool, error) {
		n, err := d.platformAPI.count(ctx, "Provenance")
		return err == nil && n >= d.acked+d.reads, err
	})
}

func (d *demo) platformAway(ctx context.Context) error {
	d.say("")
	d.say("4. The platform's plug is pulled (kill -9); the hospital goes on working")
	d.platform.kill()
	begin := time.Now()
	for i := range outage {
		msg := d.his.update(i, 100+i)
		if i%3 == 2 {
			msg = d.his.result(i, 100+i)
		}
		if code, _, err := d.send(ctx, msg); err != nil || !code.Positive() {
			return fmt.Errorf("message %d: %s %w", i, code, err)
		}
	}
	took := time.Since(begin)
	if _, _, err := d.present(ctx, deck[0]); err != nil {
		return fmt.Errorf("card during the outage: %w", err)
	}
	d.reads++
	waiting, err := d.queue(ctx, d.hub)
	if err != nil {
		return err
	}
	d.say("  %d messages, every one acknowledged, one after the other in %.1f s; a card was read as ever.", outage, took.Seconds())
	d.say("  %d items wait in the hub's queue, on disk and sealed.", waiting)
	return nil
}

func (d *demo) hubKilled(ctx context.Context) error {
	d.say("")
	d.say("5. Now the hub loses power too (kill -9) and comes back")
	before, err := d.queue(ctx, d.hub)
	if err != nil {
		return err
	}
	d.hub.kill()
	took, err := d.hub.start(ctx)
	if err != nil {
		return err
	}
	after, err := d.queue(ctx, d.hub)
	if err != nil {
		return err
	}
	d.say("  Ready again after %d ms; %d items waited before, %d wait now.", took.Milliseconds(), before, after)
	if after < before {
		return fmt.Errorf("%d items are lost", before-after)
	}
	return nil
}

func (d *demo) platformBack(ctx context.Context) error {
	d.say("")
	d.say("6. The platform comes back; the queue drains")
	if _, err := d.platform.start(ctx); err != nil {
		return err
	}
	begin := time.Now()
	if err := d.settled(ctx, 2*time.Minute); err != nil {
		return fmt.Errorf("the queue did not drain: %w", err)
	}
	drained := time.Since(begin)
	n, err := d.platformAPI.count(ctx, "Provenance")
	if err != nil {
		return err
	}
	if err := await(ctx, 10*time.Second, func() (bool, error) {
		waiting, err := d.queue(ctx, d.hub)
		return err == nil && waiting == 0, err
	}); err != nil {
		return fmt.Errorf("the hub still holds items: %w", err)
	}
	d.say("  Drained in %.1f s. Acknowledged: %d messages and %d card reads. At the platform: %d. Lost: %d. Twice: %d.",
		drained.Seconds(), d.acked, d.reads, n, max(d.acked+d.reads-n, 0), max(n-d.acked-d.reads, 0))
	if n != d.acked+d.reads {
		return fmt.Errorf("the platform has %d, not %d", n, d.acked+d.reads)
	}
	return d.account(ctx)
}
