package hd100_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/card"
	"cardferry/drivers/idcard"
	"cardferry/drivers/rig/pty"
	"cardferry/drivers/usb/hd100"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// transcript reads a card by sending commands (hex), and keeps what came back.
func transcript(commands ...string) (func(context.Context, card.Channel, card.Info) (drivers.Read, error), *[]string) {
	var got []string
	return func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error) {
		got = []string{strings.ToUpper(hex.EncodeToString(info.ATR)) + " " + info.Protocol.String()}
		for _, c := range commands {
			rsp, err := ch.Transmit(ctx, unhex(c))
			if err != nil {
				return drivers.Read{}, err
			}
			got = append(got, strings.ToUpper(hex.EncodeToString(rsp)))
		}
		return drivers.Read{Medium: "test"}, nil
	}, &got
}

// watch runs a watcher inside a synctest bubble until the test stops it.
func watch(t *testing.T, d *desk, read func(context.Context, card.Channel, card.Info) (drivers.Read, error)) (events *[]drivers.Event, stop func() error) {
	t.Helper()
	var all []drivers.Event
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	w := &hd100.Watcher{R: hd100.NewReader(d.port()), Reader: drivers.Reader{Name: "desk", Kind: drivers.KindSmartcard}, Read: read}
	go func() { ended <- w.Run(ctx, func(e drivers.Event) { all = append(all, e) }) }()
	return &all, func() error { cancel(); return <-ended }
}

// settle lets the watcher look a few times.
func settle() {
	synctest.Wait()
	t := time.NewTimer(20 * hd100.PollInterval)
	<-t.C
	synctest.Wait()
}

func types(all []drivers.Event) (t []drivers.EventType) {
	for _, e := range all {
		t = append(t, e.Type)
	}
	return t
}

func TestCards(t *testing.T) {
	memory := make([]byte, 1024)
	for i := range memory {
		memory[i] = byte(i * 7)
	}
	longAnswer := append(bytes.Repeat([]byte{0xAB}, 256), 0x90, 0x00)
	longCommand := "00A40400" + "1E" + strings.Repeat("A0", 30) + "00"
	for _, c := range []struct {
		name           string
		contact, field *deskCard
		commands       []string
		want           []string
	}{
		{"contact card, T=0",
			&deskCard{atr: unhex("3B 68 00 00 00 73 C8 40 12 00 90 00"), apdu: func(cmd []byte) []byte { return append(bytes.Clone(cmd[:2]), 0x90, 0x00) }}, nil,
			[]string{"00A4000002DF01", "00B0000010"},
			[]string{"3B6800000073C84012009000 T=0", "00A49000", "00B09000"}},
		{"contact card, T=1, command and answer of many reports",
			&deskCard{atr: unhex("3B 80 81 01 00"), apdu: func(cmd []byte) []byte {
				if len(cmd) != 36 {
					return []byte{0x67, 0x00}
				}
				return longAnswer
			}}, nil,
			[]string{longCommand},
			[]string{"3B80810100 T=1", strings.ToUpper(hex.EncodeToString(longAnswer))}},
		{"SLE4442",
			&deskCard{kind: 0x50, memory: memory}, nil,
			[]string{"FFB0000004", "FFA400000105", "FFA400000106", "FFB0006404", "FFB0010004", "FFD6000001AA", "FF20000003FFFFFF"},
			[]string{" T=0", "6985", "6300", "9000", "BCC3CAD19000", "6B00", "6A81", "6A81"}},
		{"SLE4428",
			&deskCard{kind: 0x60, memory: memory}, nil,
			[]string{"FFA400000105", "FFB003E804", "FFB00000EC"},
			[]string{" T=0", "9000", "585F666D9000", strings.ToUpper(hex.EncodeToString(memory[:0xEC])) + "9000"}},
		{"AT24C02",
			&deskCard{kind: 0x6D, memory: memory}, nil,
			[]string{"FFA400000101", "FFB0000A03"},
			[]string{" T=0", "9000", "464D549000"}},
		{"contactless processor card",
			nil, &deskCard{uid: unhex("04A1B2C3"), ats: unhex("08 78 80 80 02 4A 4B 4C"), apdu: func() func([]byte) []byte {
				waits := 2
				return func(cmd []byte) []byte {
					if waits--; waits >= 0 {
						return []byte{0xF2, 0x01} // more time, please
					}
					return []byte{0x00, 0x6F, 0x00, 0x90, 0x00}
				}
			}()},
			[]string{"FFCA000000", "FFCA010000", "00A4000002DDF1"},
			[]string{"3B838001" + "4A4B4C" + "4F" + " T=1", "04A1B2C39000", "4A4B4C9000", "6F009000"}},
		{"MIFARE Classic",
			nil, &deskCard{uid: unhex("04A1B2C3"), key: unhex("FFFFFFFFFFFF"), blocks: map[byte][]byte{4: bytes.Repeat([]byte{0x44}, 16)}},
			[]string{"FFCA000000", "FFB0000410", "FF82000006A0A1A2A3A4A5", "FF860000050100046000", "FF82000006FFFFFFFFFFFF", "FF860000050100046000", "FFB0000410", "00A40000"},
			[]string{"3B8F8001804F0CA000000306030001000000006A T=1", "04A1B2C39000", "6300", "9000", "6300", "9000", "9000",
				strings.Repeat("44", 16) + "9000", "6A81"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk()
				read, got := transcript(c.commands...)
				events, stop := watch(t, d, read)
				settle()
				d.put(func(d *desk) { d.contact, d.field, d.busy = c.contact, c.field, 2 })
				settle()
				d.put(func(d *desk) { d.contact, d.field = nil, nil })
				settle()
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				if want := []drivers.EventType{drivers.Presented, drivers.Completed, drivers.Removed}; !slices.Equal(types(*events), want) {
					t.Fatalf("events %v, %+v", types(*events), (*events)[len(*events)-1].Fault)
				}
				if r := (*events)[1].Read; r.Medium != "test" || r.Reader != "desk" || r.ID == "" || r.Time.IsZero() {
					t.Errorf("read %s", r)
				}
				if !slices.Equal(*got, c.want) {
					t.Errorf("got  %q\nwant %q", *got, c.want)
				}
				for _, request := range d.seen {
					if slices.Contains([]byte{0x53, 0x54, 0x55, 0x57, 0x63, 0x64, 0x65, 0x67, 0x6C, 0x47, 0x48, 0x49, 0x4C}, request[0]) {
						t.Errorf("opcode %02X writes", request[0])
					}
				}
			})
		})
	}
}

// A card that takes the place of another between two looks is a card of its own.
func TestCardsThatChangePlaces(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second string
		want          []drivers.EventType
	}{
		{"another card", "04A1B2C3", "04A1B2C4", []drivers.EventType{drivers.Presented, drivers.Completed, drivers.Removed, drivers.Presented, drivers.Completed, drivers.Removed}},
		{"the same card", "04A1B2C3", "04A1B2C3", []drivers.EventType{drivers.Presented, drivers.Completed, drivers.Removed}},
		{"a card that makes its UID up", "08A1B2C3", "08000001", []drivers.EventType{drivers.Presented, drivers.Completed, drivers.Removed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk()
				read, _ := transcript("FFCA000000")
				events, stop := watch(t, d, read)
				for _, uid := range []string{c.first, c.second} {
					d.put(func(d *desk) { d.field = &deskCard{uid: unhex(uid)} })
					settle()
				}
				d.put(func(d *desk) { d.field = nil })
				settle()
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(types(*events), c.want) {
					t.Errorf("events %v, want %v", types(*events), c.want)
				}
			})
		})
	}
}

func TestCardsThatFail(t *testing.T) {
	pulled := newDesk()
	for _, c := range []struct {
		name string
		desk *desk
		card *deskCard
		want drivers.FaultCode // "" for a card that left
	}{
		{"nothing answers: upside down", newDesk(), &deskCard{}, drivers.FaultUnresponsive},
		{"a profile that fails", newDesk(), &deskCard{atr: unhex("3B01")}, drivers.FaultReadFailed},
		{"the card falls silent", newDesk(), &deskCard{atr: unhex("3B00"), apdu: func([]byte) []byte { return nil }}, drivers.FaultUnresponsive},
		{"an answer without status word", newDesk(), &deskCard{atr: unhex("3B00"), apdu: func([]byte) []byte { return []byte{1} }}, drivers.FaultUnresponsive},
		{"pulled in the middle", pulled, &deskCard{atr: unhex("3B00"), apdu: func([]byte) []byte { pulled.contact = nil; return nil }}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				events, stop := watch(t, c.desk, func(ctx context.Context, ch card.Channel, info card.Info) (drivers.Read, error) {
					switch len(info.ATR) {
					case 0:
						return drivers.Read{Medium: drivers.MediumUnknown}, nil
					case 1:
						t.Error("an ATR of one byte")
					}
					if info.ATR[1] == 1 {
						return drivers.Read{}, errors.New("the profile does not fit")
					}
					_, err := ch.Transmit(ctx, unhex("00A4000002DF01"))
					return drivers.Read{}, err
				})
				c.desk.put(func(d *desk) { d.contact = c.card })
				settle()
				c.desk.put(func(d *desk) { d.contact = nil })
				settle()
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				want := []drivers.EventType{drivers.Presented, drivers.Faulted, drivers.Removed}
				if c.want == "" {
					want = []drivers.EventType{drivers.Presented, drivers.Removed}
				}
				if !slices.Equal(types(*events), want) {
					t.Fatalf("events %v", types(*events))
				}
				if c.want != "" && (*events)[1].Fault.Code != c.want {
					t.Errorf("fault %+v", (*events)[1].Fault)
				}
			})
		})
	}
}

func TestWatcherEndsWithTheWire(t *testing.T) {
	for name, spoil := range map[string]func(*desk){
		"unplugged": func(d *desk) { d.broken = errGone },
		"mute":      func(d *desk) { d.handle = func(byte, []byte) reply { return reply{mute: true} } },
		"nonsense":  func(d *desk) { d.handle = func(byte, []byte) reply { return reply{data: make([]byte, 9000)} } },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk()
				read, _ := transcript()
				events, stop := watch(t, d, read)
				settle()
				d.put(spoil)
				settle()
				if err := stop(); err == nil {
					t.Error("no error")
				} else if name == "unplugged" && !errors.Is(err, errGone) || name == "mute" && !errors.Is(err, hd100.ErrSilent) || name == "nonsense" && !errors.Is(err, hd100.ErrAnswer) {
					t.Errorf("%v", err)
				}
				if len(*events) > 0 {
					t.Errorf("events %v", types(*events))
				}
			})
		})
	}
}

func TestIDModule(t *testing.T) {
	card := pty.Citizen{Name: "测试甲", Number: "990101190001010018"}.Block()
	photo := make([]byte, 1024)
	for name, answer := range map[string][]byte{
		"with lengths":    slices.Concat([]byte{1, 0, 4, 0}, card, photo),
		"without lengths": slices.Concat(card, photo),
		"text alone":      card,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk()
				d.id = answer
				s := idcard.NewSession(hd100.IDModule{R: hd100.NewReader(d.port())})
				found, err := s.Find(t.Context())
				if err != nil || !found {
					t.Fatal(found, err)
				}
				if err := s.Select(t.Context()); err != nil {
					t.Fatal(err)
				}
				c, err := s.Read(t.Context())
				if err != nil || !bytes.Equal(c.Text, card) {
					t.Errorf("%d bytes of text, %v", len(c.Text), err)
				}
				d.id = nil
				if found, err := s.Find(t.Context()); found || err != nil {
					t.Error(found, err)
				}
				if _, err := s.NewestAddress(t.Context()); err == nil || idcard.WireError(err) {
					t.Error(err)
				}
			})
		})
	}
}
