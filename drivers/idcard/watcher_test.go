package idcard_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/idcard"
	"cardferry/drivers/rig/pty"
	"cardferry/hl7/fhir/r4"

	"go.uber.org/goleak"
)

// wire carries frames to a simulated reader without any real wire.
type wire struct {
	reader *pty.IDReader
	cut    atomic.Bool
}

var errCut = errors.New("port closed")

func (w *wire) Exchange(ctx context.Context, frame []byte) ([]byte, error) {
	if w.cut.Load() {
		return nil, errCut
	}
	var dec idcard.Decoder
	_, _ = dec.Write(w.reader.Answer(frame))
	if f, err := dec.Next(); f != nil || err != nil {
		return f, err
	}
	<-ctx.Done()
	if dec.Pending() {
		return nil, idcard.ErrTorn
	}
	return nil, idcard.ErrNoAnswer
}

// bench runs a watcher in a bubble of synthetic time.
type bench struct {
	t      *testing.T
	reader *pty.IDReader
	wire   *wire
	events chan drivers.Event
	done   chan error
	stop   context.CancelFunc
}

func start(t *testing.T, reader *pty.IDReader) *bench {
	w := &wire{reader: reader}
	b := watch(t, w, reader)
	b.wire = w
	return b
}

func watch(t *testing.T, transport idcard.Transport, reader *pty.IDReader) *bench {
	ctx, cancel := context.WithCancel(t.Context())
	b := &bench{
		t: t, reader: reader,
		events: make(chan drivers.Event, 1000), done: make(chan error, 1), stop: cancel,
	}
	w := &idcard.Watcher{
		Session: idcard.NewSession(transport),
		Reader:  drivers.Reader{Name: "id0", Driver: "serial", Kind: drivers.KindIDCard, Simulated: true},
	}
	go func() { b.done <- w.Run(ctx, func(e drivers.Event) { b.events <- e }) }()
	return b
}

// after lets d pass and returns the types of the events of that time, and the
// last read or fault.
func (b *bench) after(d time.Duration) (types []drivers.EventType, last drivers.Event) {
	<-time.After(d) // synthetic: the bubble's clock jumps
	synctest.Wait()
	for {
		select {
		case e := <-b.events:
			types = append(types, e.Type)
			if e.Type == drivers.Completed || e.Type == drivers.Faulted {
				last = e
			}
		default:
			return types, last
		}
	}
}

func (b *bench) want(d time.Duration, want ...drivers.EventType) drivers.Event {
	b.t.Helper()
	got, last := b.after(d)
	if len(got) != len(want) {
		b.t.Fatalf("events %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			b.t.Fatalf("events %v, want %v", got, want)
		}
	}
	return last
}

func (b *bench) end() {
	b.t.Helper()
	b.stop()
	if err := <-b.done; err != nil {
		b.t.Errorf("Run: %v", err)
	}
}

func testCard() pty.IDCard {
	return pty.IDCard{Text: pty.Citizen{
		Name: "测试甲", Sex: "1", Ethnicity: "01", Birth: "19000101", Address: "样例路1号",
		Number: "990101190001010018", Issuer: "测试市公安局", From: "20200101", To: "长期",
	}.Block()}
}

const presented, completed, faulted, removed = drivers.Presented, drivers.Completed, drivers.Faulted, drivers.Removed

func TestOneReadPerPresentation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &pty.IDReader{})
		b.want(5 * time.Second)
		b.reader.Place(testCard())
		e := b.want(time.Second, presented, completed)
		r := e.Read
		if r.ID == "" || r.Time.IsZero() || r.Reader != "id0" || !r.Simulated || e.Reader.Name != "id0" ||
			r.Patient.Identifier[0].Value != "990101190001010018" {
			t.Error("the read is incomplete")
		}
		b.want(time.Minute) // still lying there
		b.reader.Lift()
		b.want(2*time.Second, removed)
		b.reader.Place(testCard())
		b.want(time.Second, presented, completed)
		b.end()
	})
}

func TestReaderWithoutAddressCommandStillSeesTheNextCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &pty.IDReader{NoAddress: true})
		b.reader.Place(testCard())
		b.want(time.Second, presented, completed)
		b.want(time.Minute)
		b.reader.Place(testCard())
		b.want(3*time.Second, removed, presented, completed)
		b.end()
	})
}

func TestAppendedAddressIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		card := testCard()
		card.Addresses = []string{"样例路3号", "样例路4号"}
		b := start(t, &pty.IDReader{})
		b.reader.Place(card)
		e := b.want(time.Second, presented, completed)
		if a := e.Read.Patient.Address; len(a) != 2 || a[0].Text != "样例路4号" {
			t.Error("newest address is not first")
		}
		b.end()
	})
}

func TestDamageOnTheWireIsRepeated(t *testing.T) {
	for name, faults := range map[string][]pty.Fault{
		"wrong checksum":       {pty.WrongChecksum},
		"wrong checksum twice": {pty.WrongChecksum, pty.WrongChecksum},
		"torn frame":           {pty.TornFrame},
		"mute once":            {pty.Mute},
		"garbage in front":     {pty.Garbage, pty.Garbage, pty.Garbage, pty.Garbage},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reader := &pty.IDReader{}
				reader.Place(testCard())
				reader.OnRequest = func(c idcard.Command) {
					if c == idcard.CmdRead && reader.Requests(idcard.CmdRead) == 0 {
						reader.Inject(faults...)
					}
				}
				b := start(t, reader)
				b.want(15*time.Second, presented, completed)
				b.end()
			})
		})
	}
}

func TestCardProblemsAreToldOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		cmd    idcard.Command
		status idcard.Status
		times  int
		want   drivers.FaultCode // "" is a successful read
	}{
		{"select fails once", idcard.CmdSelect, idcard.StatusSelectFailed, 1, ""},
		{"read fails twice", idcard.CmdRead, idcard.StatusReadFailed, 2, ""},
		{"reader knows 30 10 only", idcard.CmdRead, idcard.StatusBadCommand, 50, ""},
		{"select keeps failing", idcard.CmdSelect, idcard.StatusSelectFailed, 50, drivers.FaultRepresent},
		{"read keeps failing", idcard.CmdRead, idcard.StatusReadFailed, 50, drivers.FaultRepresent},
		{"card refuses the SAM", idcard.CmdRead, idcard.StatusSAMRefused, 50, drivers.FaultRepresent},
		{"SAM refuses the card", idcard.CmdRead, idcard.StatusCardRefused, 50, drivers.FaultRepresent},
		{"data do not match their MAC", idcard.CmdRead, idcard.StatusMAC, 50, drivers.FaultRepresent},
		{"SAM not authorised", idcard.CmdRead, idcard.StatusNotAuthorised, 50, drivers.FaultReaderHardware},
		{"SAM breaks down while it reads", idcard.CmdRead, idcard.StatusSelfTest, 50, drivers.FaultReaderHardware},
		{"another type of card", idcard.CmdSelect, idcard.StatusCardType, 50, drivers.FaultUnresponsive},
		{"SAM without authority", idcard.CmdRead, idcard.StatusNoAuthority, 50, drivers.FaultReaderHardware},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reader := &pty.IDReader{}
				reader.Refuse(c.cmd, c.status, c.times)
				reader.Place(testCard())
				b := start(t, reader)
				if c.want == "" {
					b.want(5*time.Second, presented, completed)
					b.end()
					return
				}
				e := b.want(5*time.Second, presented, faulted)
				if e.Fault.Code != c.want {
					t.Errorf("fault %s, want %s", e.Fault.Code, c.want)
				}
				b.want(time.Minute) // no storm while the card stays
				reader.Lift()
				b.want(2*time.Second, removed)
				b.end()
			})
		})
	}
}

func TestCardPulledBeforeItIsReadEndsQuietly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := &pty.IDReader{}
		reader.OnRequest = func(c idcard.Command) {
			if c == idcard.CmdSelect {
				reader.Lift()
			}
		}
		reader.Place(testCard())
		b := start(t, reader)
		b.want(5*time.Second, presented, removed)
		b.end()
	})
}

func TestASelfTestFailureIsCuredByOneReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &pty.IDReader{})
		for round := 1; round <= 2; round++ { // it may happen again, and is cured again
			b.reader.Refuse(idcard.CmdFind, idcard.StatusSelfTest, 1)
			b.want(5 * time.Second)
			if n := b.reader.Requests(idcard.CmdReset); n != round {
				t.Errorf("%d resets, want %d", n, round)
			}
		}
		b.reader.Place(testCard())
		b.want(time.Second, presented, completed)
		b.end()
	})
}

func TestBrokenSAMIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &pty.IDReader{})
		b.reader.Refuse(idcard.CmdFind, idcard.StatusSelfTest, 100)
		e := b.want(20*time.Second, faulted)
		if e.Fault.Code != drivers.FaultReaderHardware {
			t.Error(e.Fault.Code)
		}
		if n := b.reader.Requests(idcard.CmdReset); n != 1 {
			t.Errorf("%d resets, want one", n)
		}
		b.end()
	})
}

func TestALostWireEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &pty.IDReader{})
		b.want(time.Second)
		b.wire.cut.Store(true)
		b.want(time.Second)
		if err := <-b.done; !errors.Is(err, errCut) {
			t.Errorf("Run: %v", err)
		}
		b.stop()
	})
}

func TestAMuteReaderEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, &pty.IDReader{})
		b.reader.Inject(pty.Mute, pty.Mute, pty.Mute)
		b.want(10 * time.Second)
		err := <-b.done
		if !errors.Is(err, idcard.ErrNoAnswer) || idcard.FaultOf(err).Code != drivers.FaultReaderHardware {
			t.Errorf("Run: %v", err)
		}
		b.stop()
	})
}

func TestAReaderThatDiesAfterTheReadDoesNotTakeItAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := &pty.IDReader{}
		reader.OnRequest = func(c idcard.Command) {
			if c == idcard.CmdNewestAddress {
				reader.Inject(pty.Mute)
			}
		}
		reader.Place(testCard())
		b := start(t, reader)
		b.want(20*time.Second, presented, completed)
		if err := <-b.done; !errors.Is(err, idcard.ErrNoAnswer) {
			t.Errorf("Run: %v", err)
		}
		b.stop()
	})
}

func TestSession(t *testing.T) {
	ctx := t.Context()
	reader := &pty.IDReader{}
	s := idcard.NewSession(&wire{reader: reader})
	if n, err := s.SAMNumber(ctx); err != nil || n != "05.03-20200101-0001234567-0089012345" {
		t.Errorf("SAM number %q, %v", n, err)
	}
	if err := s.Check(ctx, 1); err != nil {
		t.Error(err)
	}
	reader.Refuse(idcard.CmdReset, idcard.StatusSelfTest, 1)
	var se *idcard.StatusError
	if err := s.Reset(ctx); !errors.As(err, &se) || se.Status != idcard.StatusSelfTest || se.Command != idcard.CmdReset {
		t.Errorf("Reset: %v", err)
	}
	if err := s.Reset(ctx); err != nil {
		t.Error(err)
	}
	reader.Inject(pty.WrongChecksum)
	if err := s.Check(ctx, 1); !errors.Is(err, idcard.ErrChecksum) {
		t.Errorf("Check with one try: %v", err)
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixed answers every request with the same bytes.
type fixed []byte

func (f fixed) Exchange(context.Context, []byte) ([]byte, error) { return f, nil }

func FuzzAnswer(f *testing.F) {
	r := &pty.IDReader{}
	r.Place(testCard())
	for _, c := range []idcard.Command{idcard.CmdFind, idcard.CmdSelect, idcard.CmdRead, idcard.CmdReadAll, idcard.CmdSAMNumber} {
		body, err := idcard.Body(r.Answer(c.Frame()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte{0, 0, 0x90, 1, 0, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) >= idcard.MaxLength {
			return
		}
		readAnything(t, body)
	})
}

// readAnything asks a reader that answers everything with body.
func readAnything(t *testing.T, body []byte) {
	s := idcard.NewSession(fixed(idcard.AppendFrame(nil, body)))
	s.SkipPauses()
	card, err := s.Read(t.Context())
	if err == nil {
		if _, err := card.Decode(idcard.Options{Photo: true, Ethnicity: true}); err != nil {
			t.Fatalf("a card that was read does not decode: %v", err)
		}
	}
	addresses, _ := s.NewestAddress(t.Context())
	p := r4.NewPatient()
	idcard.AddNewestAddress(p, addresses)
	if _, err := s.SAMNumber(t.Context()); err != nil && !idcard.WireError(err) && !errors.As(err, new(*idcard.StatusError)) {
		t.Fatal(err)
	}
}
