package virtual

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"

	"cardferry/configs"
	"cardferry/drivers"
	"cardferry/drivers/card"
	"cardferry/drivers/code"
	"cardferry/drivers/idcard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs the driver with everything that is shipped.
func start(t *testing.T) (*Driver, <-chan drivers.Event, func()) {
	t.Helper()
	profiles, err := card.LoadProfiles(configs.Cards())
	if err != nil {
		t.Fatal(err)
	}
	engine, err := card.NewEngine(profiles)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := code.LoadRules(configs.Codes())
	if err != nil {
		t.Fatal(err)
	}
	deck, err := ReadDeck(configs.Simulated(), "deck.json")
	if err != nil {
		t.Fatal(err)
	}
	d := New(Config{Deck: deck, ReadCard: engine.Read, DecodeID: idcard.DecodeText, Recognise: rules.Recognise})
	events := make(chan drivers.Event, 100)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx, func(e drivers.Event) { events <- e }) }()
	stop := func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	for range readers {
		if e := <-events; e.Type != drivers.Attached || !e.Reader.Simulated {
			t.Fatalf("got %v", e.Type)
		}
	}
	return d, events, stop
}

func TestEveryShippedCardIsReadAndMarked(t *testing.T) {
	d, events, stop := start(t)
	defer stop()
	media := map[string]string{
		"tw-nhi": "tw-nhi", "cn-ssc": "cn-ssc", "cn-ssc-3": "cn-ssc", "de-egk": "de-egk", "th-nid": "th-nid",
		"unknown-card": drivers.MediumUnknown, "tw-staff-card": "tw-hpc", "cn-resident-id": "cn-resident-id",
		"cn-ehc-qr": "cn-ehc-qr", "cn-resident-number": "cn-resident-id", "cn-evoucher": "cn-medical-insurance-evoucher", "payment-code": "payment-code",
	}
	for _, c := range d.Cards() {
		t.Run(c.Name, func(t *testing.T) {
			if err := d.Present(c.Name); err != nil {
				t.Fatal(err)
			}
			e := <-events
			for e.Type != drivers.Completed {
				e = <-events // removed, presented
			}
			if !e.Read.Simulated || !e.Reader.Simulated || e.Read.Reader != c.Reader() || e.Read.ID == "" {
				t.Errorf("not marked as simulated: %+v", e.Reader)
			}
			if want := media[c.Name]; e.Read.Medium != want {
				t.Errorf("medium %q, want %q", e.Read.Medium, want)
			}
		})
	}
}

func TestCardsComeAndGo(t *testing.T) {
	d, events, stop := start(t)
	for _, step := range []struct {
		do   func() error
		want []drivers.EventType
	}{
		{func() error { return d.Remove(CardReader) }, nil}, // empty stays empty
		{func() error { return d.Present("tw-nhi") }, []drivers.EventType{drivers.Presented, drivers.Completed}},
		{func() error { return d.Present("de-egk") }, []drivers.EventType{drivers.Removed, drivers.Presented, drivers.Completed}},
		{func() error { return d.Remove(CardReader) }, []drivers.EventType{drivers.Removed}},
		{func() error { return d.Scan("990101190001010018") }, []drivers.EventType{drivers.Completed}},
		{func() error { return d.Scan("990101190001010018") }, []drivers.EventType{drivers.Completed}},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		for _, want := range step.want {
			if e := <-events; e.Type != want {
				t.Fatalf("got %s, want %s", e.Type, want)
			}
		}
	}
	for _, err := range []error{d.Present("nobody"), d.Remove("nowhere")} {
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("got %v", err)
		}
	}
	stop()
	if err := d.Present("tw-nhi"); !errors.Is(err, ErrStopped) {
		t.Errorf("after the end: %v", err)
	}
}

func TestABrokenCardIsAFault(t *testing.T) {
	d := New(Config{Deck: []Card{{Name: "broken", Chip: []byte("{")}}})
	events := make(chan drivers.Event, 20)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { _ = d.Run(ctx, func(e drivers.Event) { events <- e }); close(ended) }()
	if err := d.Present("broken"); err != nil {
		t.Error(err)
	}
	for e := range events {
		if e.Type == drivers.Faulted {
			if e.Fault.Code != drivers.FaultReadFailed {
				t.Errorf("fault %s", e.Fault.Code)
			}
			break
		}
	}
	cancel()
	<-ended
}

// TestACardThatAsksKeepsNobodyWaiting: the read of a card may wait for a person; taking the
// card out ends it without a fault, and the next card is read.
func TestACardThatAsksKeepsNobodyWaiting(t *testing.T) {
	asked := make(chan string, 1)
	chip := []byte(`{"atr":"3B00","protocol":"T=1","files":[]}`)
	d := New(Config{
		Deck: []Card{{Name: "asks", Chip: chip}},
		ReadCard: func(ctx context.Context, _ card.Channel, info card.Info) (drivers.Read, error) {
			asked <- info.Reader
			<-ctx.Done()
			return drivers.Read{}, ctx.Err()
		},
		Recognise: func([]byte) drivers.Read { return drivers.Read{Medium: "code"} },
	})
	events := make(chan drivers.Event, 20)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { _ = d.Run(ctx, func(e drivers.Event) { events <- e }); close(ended) }()
	for range 2 {
		if err := d.Present("asks"); err != nil {
			t.Fatal(err)
		}
		if reader := <-asked; reader != CardReader {
			t.Errorf("asked for a card in %q", reader)
		}
	}
	if err := d.Remove(CardReader); err != nil {
		t.Error(err)
	}
	if err := d.Scan("x"); err != nil {
		t.Error(err)
	}
	cancel()
	<-ended
	close(events)
	var told []drivers.EventType
	for e := range events {
		if e.Type != drivers.Attached && e.Type != drivers.Detached {
			told = append(told, e.Type)
		}
	}
	want := []drivers.EventType{drivers.Presented, drivers.Removed, drivers.Presented, drivers.Removed, drivers.Completed}
	if !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

func TestReadDeckSaysWhatIsWrong(t *testing.T) {
	for name, text := range map[string]string{"not JSON": "[", "not hexadecimal": `[{"name":"x","idtext":"zz"}]`} {
		if _, err := ReadDeck(fstest.MapFS{"d.json": {Data: []byte(text)}}, "d.json"); err == nil {
			t.Errorf("%s passed", name)
		}
	}
	if _, err := ReadDeck(fstest.MapFS{}, "d.json"); err == nil {
		t.Error("a missing deck passed")
	}
}
