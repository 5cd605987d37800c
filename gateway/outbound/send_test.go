package outbound

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cardferry/hl7"
)

func TestWhatSendRefuses(t *testing.T) {
	h := newHIS(t, nil).start("")
	o := options(t.TempDir(), to(h), Destination{Name: "latin", Addr: h.addr(), Charset: "8859/1"})
	g := open(t, o)
	var parse *hl7.ParseError
	tests := []struct {
		name, to, msg string
		want          func(error) bool
	}{
		{"a destination nobody configured", "lis", oru("M"), is(ErrUnknownDestination)},
		{"no HL7", "his", "PID|1", func(err error) bool { return errors.As(err, &parse) }},
		{"no control id", "his", oru(""), is(ErrNoControlID)},
		{"MSH-15 ER", "his", message("M", "ER", ""), is(ErrAckMode)},
		{"MSH-15 NE with MSH-16 SU", "his", message("M", "NE", "SU"), is(ErrAckMode)},
		{"FS inside", "his", oru("M") + "NTE|1||\x1c\r", is(ErrNotFrameable)},
		{"VT inside", "his", oru("M") + "NTE|1||\x0b\r", is(ErrNotFrameable)},
		{"a name the charset does not have", "latin", strings.Replace(oru("M"), "2.5.1||||||", "2.5.1||||||UNICODE UTF-8", 1), is(hl7.ErrNotEncodable)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := g.Send(t.Context(), tt.to, []byte(tt.msg))
			if err == nil || !tt.want(err) {
				t.Errorf("got %v", err)
			} else if strings.Contains(err.Error(), canary) {
				t.Errorf("the error quotes the message: %v", err)
			}
		})
	}
	if s := g.State()[0]; s.Backlog != 0 {
		t.Errorf("something was stored: %+v", s)
	}
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func TestSameBytesAreOneMessage(t *testing.T) {
	h := newHIS(t, nil).start("")
	dir := t.TempDir()
	g := start(t, options(dir, to(h)))
	first, err := g.Send(t.Context(), "his", []byte(oru("M1")))
	if err != nil {
		t.Fatal(err)
	}
	h.wants("M1")
	g.delivered(1)
	g.stop()
	g = start(t, options(dir, to(h)))
	again, err := g.Send(t.Context(), "his", []byte(oru("M1")))
	if err != nil || again != first {
		t.Fatalf("%s and %s, %v", first, again, err)
	}
	other, err := g.Send(t.Context(), "his", []byte(oru("M1")+"NTE|1\r"))
	if err != nil || other == first {
		t.Fatalf("%s and %s, %v", first, other, err)
	}
	h.wants("M1")
	g.delivered(1)
	h.nothing()
}

func TestRecoded(t *testing.T) {
	h := newHIS(t, nil).start("")
	d := to(h)
	d.Charset, d.Delimiters = "GB 18030-2000", hl7.Delimiters{Field: '$', Component: '%', Repetition: '~', Escape: '\\', Subcomponent: '&'}
	g := start(t, options(t.TempDir(), d))
	g.send("his", oru("M^1"))
	h.wants("M%1") // the acknowledgement names it so
	g.delivered(1)
	m, err := hl7.Parse([]byte(h.bodies["M%1"][0]), hl7.Options{})
	if err != nil {
		t.Fatal(err)
	}
	name, err := m.Get("PID-5.2")
	if err != nil || name.Text() != "张三" || m.Charset() != "GB18030" || m.Delimiters() != d.Delimiters {
		t.Errorf("%v %s %v", err, m.Charset(), m.Delimiters())
	}
}

func TestConfigurationErrors(t *testing.T) {
	ok := Destination{Name: "his", Addr: "127.0.0.1:1"}
	tests := []struct {
		name string
		d    []Destination
	}{
		{"a path for a name", []Destination{{Name: "../his", Addr: ok.Addr}}},
		{"no address", []Destination{{Name: "his"}}},
		{"twice", []Destination{ok, ok}},
		{"unknown charset", []Destination{{Name: "his", Addr: ok.Addr, Charset: "KLINGON"}}},
		{"impossible delimiters", []Destination{{Name: "his", Addr: ok.Addr, Delimiters: hl7.Delimiters{Field: 'A', Component: 'B'}}}},
		{"negative", []Destination{{Name: "his", Addr: ok.Addr, Gap: -1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if out, err := New(options(t.TempDir(), tt.d...)); err == nil {
				t.Error("taken", out.Close())
			}
		})
	}
}

func TestForgottenDestinationIsTold(t *testing.T) {
	dir := t.TempDir()
	g := open(t, options(dir, Destination{Name: "old", Addr: "127.0.0.1:1"}))
	g.send("old", oru("M1"))
	g.stop()
	g = open(t, options(dir, Destination{Name: "new", Addr: "127.0.0.1:1"}))
	if log := g.log.String(); !strings.Contains(log, "destination=old") {
		t.Errorf("nobody tells of the old queue: %s", log)
	}
}

// TestNothingInTheClearOnDisk looks for the patient in everything the room wrote.
func TestNothingInTheClearOnDisk(t *testing.T) {
	h := newHIS(t, say(hl7.AR)).start("")
	dir := t.TempDir()
	g := start(t, options(dir, to(h)))
	g.send("his", oru("M1"), oru("M2"))
	g.parked("his")
	g.stop()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), canary) {
			t.Errorf("%s holds patient data", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
