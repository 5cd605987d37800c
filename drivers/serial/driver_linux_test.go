package serial_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/code"
	"cardferry/drivers/idcard"
	"cardferry/drivers/rig/pty"
	"cardferry/drivers/serial"

	"go.uber.org/goleak"
	"golang.org/x/text/encoding/simplifiedchinese"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long an event may take on a busy machine.
const patience = 30 * time.Second

// station is a running driver and the events it reports.
type station struct {
	t      *testing.T
	events chan drivers.Event
}

func run(t *testing.T, cfg serial.Config) *station {
	t.Helper()
	return runDriver(t, serial.New(cfg))
}

func runDriver(t *testing.T, d *serial.Driver) *station {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &station{t: t, events: make(chan drivers.Event, 10_000)}
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx, func(e drivers.Event) { s.events <- e }) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not end with its context")
		}
	})
	return s
}

// next returns the next event, which must be of the type wanted.
func (s *station) next(want drivers.EventType) drivers.Event {
	s.t.Helper()
	select {
	case e := <-s.events:
		if e.Type != want {
			s.t.Fatalf("event %s (%v), want %s", e.Type, e.Fault, want)
		}
		return e
	case <-time.After(patience):
		s.t.Fatalf("no event %s", want)
		panic("unreachable")
	}
}

func plug(t *testing.T, link string, dev pty.Device) *pty.Port {
	t.Helper()
	p, err := pty.Plug(link, dev)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Unplug(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func rules(t *testing.T) *code.Rules {
	t.Helper()
	r, err := code.LoadRules(os.DirFS("../../configs/codes"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func scannerConfig(t *testing.T, port string) serial.Config {
	return serial.Config{
		Port: port, Kind: drivers.KindScanner, Codes: rules(t), Simulated: true,
		Framing: serial.Framing{Gap: 5 * time.Second}, // no test machine is that slow
	}
}

func TestScanBecomesARead(t *testing.T) {
	link := filepath.Join(t.TempDir(), "qr0")
	scanner := &pty.Scanner{Suffix: "\r\n", Baud: 9600}
	plug(t, link, scanner)
	s := run(t, scannerConfig(t, link))
	e := s.next(drivers.Attached)
	if want := (drivers.Reader{Name: "qr0", Driver: "serial", Kind: drivers.KindScanner, Simulated: true}); e.Reader != want {
		t.Errorf("reader %+v", e.Reader)
	}
	must(t, scanner.Scan("990101190001010018"))
	r := s.next(drivers.Completed).Read
	if r.Medium != "cn-resident-id" || r.ID == "" || r.Time.IsZero() || r.Reader != "qr0" || !r.Simulated {
		t.Errorf("read %v", r)
	}
}

func TestScansInChineseEncodings(t *testing.T) {
	gbk, err := simplifiedchinese.GBK.NewEncoder().String("样例0001")
	must(t, err)
	for _, c := range []struct{ name, charset, scan, want string }{
		{"UTF-8", "", "样例0001", "样例0001"},
		{"GBK", "", gbk, "样例0001"},
		{"stated GB 18030", "gb18030", gbk, "样例0001"},
		{"stated Big5", "big5", "\xB4\xFA\xB8\xD50001", "測試0001"},
	} {
		t.Run(c.name, func(t *testing.T) {
			link := filepath.Join(t.TempDir(), "qr0")
			scanner := &pty.Scanner{Suffix: "\r"}
			plug(t, link, scanner)
			cfg := scannerConfig(t, link)
			cfg.Charset = c.charset
			s := run(t, cfg)
			s.next(drivers.Attached)
			must(t, scanner.Scan(c.scan))
			if got := s.next(drivers.Completed).Read.Extras["code"]; got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestScanWithoutSuffixEndsAtTheGap(t *testing.T) {
	link := filepath.Join(t.TempDir(), "qr0")
	scanner := &pty.Scanner{}
	plug(t, link, scanner)
	cfg := scannerConfig(t, link)
	cfg.Framing.Gap = 50 * time.Millisecond
	cfg.StripAIM = true
	s := run(t, cfg)
	s.next(drivers.Attached)
	must(t, scanner.Scan("]C0MRN1"))
	if got := s.next(drivers.Completed).Read.Extras["code"]; got != "MRN1" {
		t.Errorf("%q", got)
	}
}

func TestRepeatedScansCountOnceUnlessTheCodeIsForOneTime(t *testing.T) {
	link := filepath.Join(t.TempDir(), "qr0")
	scanner := &pty.Scanner{Suffix: "\r\n"}
	plug(t, link, scanner)
	s := run(t, scannerConfig(t, link))
	s.next(drivers.Attached)
	const voucher = "4240000000000000000100990000"
	must(t, scanner.Send([]byte("MRN1\r\nMRN1\r\nMRN1\r\nMRN2\r\n"+voucher+"\r\n"+voucher+"\r\nMRN3\r\n")))
	var got []any
	for range 5 {
		got = append(got, s.next(drivers.Completed).Read.Extras["code"])
	}
	if want := []any{"MRN1", "MRN2", voucher, voucher, "MRN3"}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestAScannerGoneMadIsOneFault(t *testing.T) {
	link := filepath.Join(t.TempDir(), "qr0")
	scanner := &pty.Scanner{Suffix: "\r\n"}
	plug(t, link, scanner)
	s := run(t, scannerConfig(t, link))
	s.next(drivers.Attached)
	must(t, scanner.Flood(10<<20))
	must(t, scanner.Scan("")) // a line end at last
	must(t, scanner.Scan("MRN1"))
	if e := s.next(drivers.Faulted); e.Fault.Code != drivers.FaultFrameTooLong {
		t.Errorf("fault %v", e.Fault)
	}
	if got := s.next(drivers.Completed).Read.Extras["code"]; got != "MRN1" {
		t.Errorf("%q", got)
	}
}

func TestUnplugAndReplug(t *testing.T) {
	t.Parallel()
	// The folder vanishes with the device, as /dev/serial/by-id does.
	folder := filepath.Join(t.TempDir(), "by-id")
	link := filepath.Join(folder, "qr0")
	scanner := &pty.Scanner{Suffix: "\r\n"}
	s := run(t, scannerConfig(t, link))
	for range 3 {
		must(t, os.Mkdir(folder, 0o755))
		port, err := pty.Plug(link, scanner)
		must(t, err)
		s.next(drivers.Attached)
		must(t, scanner.Scan("MRN1"))
		s.next(drivers.Completed)
		must(t, port.Unplug())
		s.next(drivers.Detached)
		must(t, os.Remove(folder))
	}
}

func TestAPortThatIsNoneIsToldOnce(t *testing.T) {
	link := filepath.Join(t.TempDir(), "qr0")
	must(t, os.Symlink("/dev/null", link))
	s := run(t, scannerConfig(t, link))
	if e := s.next(drivers.Faulted); e.Fault.Code != drivers.FaultReaderHardware || e.Reader.Name != "qr0" {
		t.Errorf("fault %v", e.Fault)
	}
	// It goes on trying, and the next event is that the reader works.
	must(t, os.Remove(link))
	plug(t, link, &pty.Scanner{})
	s.next(drivers.Attached)
}

func TestConfigurationThatCanNeverWork(t *testing.T) {
	for name, cfg := range map[string]serial.Config{
		"no port":         {Kind: drivers.KindScanner},
		"unknown kind":    {Port: "/dev/ttyS0", Kind: "toaster"},
		"unknown charset": {Port: "/dev/ttyS0", Kind: drivers.KindScanner, Charset: "klingon"},
		"negative baud":   {Port: "/dev/ttyS0", Kind: drivers.KindScanner, Baud: -1},
		"USB identity":    {Port: "usb:403:6001", Kind: drivers.KindScanner},
		"parity":          {Port: "/dev/ttyS0", Kind: drivers.KindScanner, Line: serial.Line{Parity: "sometimes"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := serial.New(cfg)
			if err := d.Run(t.Context(), nil); err == nil || d.Name() != "serial" {
				t.Errorf("Run: %v", err)
			}
		})
	}
}

func idConfig(port string) serial.Config {
	return serial.Config{Port: port, Kind: drivers.KindIDCard, Name: "desk 1 ID reader", Simulated: true}
}

func card() pty.IDCard {
	return pty.IDCard{Text: pty.Citizen{
		Name: "测试甲", Sex: "1", Ethnicity: "01", Birth: "19000101", Address: "样例路1号",
		Number: "990101190001010018", Issuer: "测试市公安局", From: "20200101", To: "长期",
	}.Block()}
}

func TestIDCardIsReadOncePerPresentation(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "id0")
	reader := &pty.IDReader{}
	plug(t, link, reader)
	s := run(t, idConfig(link))
	if e := s.next(drivers.Attached); e.Reader.Name != "desk 1 ID reader" || e.Reader.Kind != drivers.KindIDCard {
		t.Errorf("reader %+v", e.Reader)
	}
	for range 2 {
		reader.Place(card())
		s.next(drivers.Presented)
		r := s.next(drivers.Completed).Read
		if r.Medium != "cn-resident-id" || r.Patient.Name[0].Text != "测试甲" || r.Reader != "desk 1 ID reader" || !r.Simulated {
			t.Errorf("read %v", r)
		}
		reader.Lift()
		s.next(drivers.Removed)
	}
}

func TestIDReaderIsFoundAtItsRate(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "id0")
	plug(t, link, &pty.IDReader{Baud: 57600})
	run(t, idConfig(link)).next(drivers.Attached)
}

func TestIDReaderSurvivesTheWire(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string][]pty.Fault{
		"torn frame":     {pty.TornFrame},
		"wrong checksum": {pty.WrongChecksum},
		"mute once":      {pty.Mute},
		"garbage":        {pty.Garbage, pty.Garbage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			link := filepath.Join(t.TempDir(), "id0")
			reader := &pty.IDReader{}
			reader.OnRequest = func(c idcard.Command) {
				if c == idcard.CmdRead && reader.Requests(c) == 0 {
					reader.Inject(faults...)
				}
			}
			plug(t, link, reader)
			s := run(t, idConfig(link))
			s.next(drivers.Attached)
			reader.Place(card())
			s.next(drivers.Presented)
			s.next(drivers.Completed)
		})
	}
}

func TestIDReaderThatFallsSilentIsToldOnceAndComesBack(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "id0")
	reader := &pty.IDReader{}
	plug(t, link, reader)
	cfg := idConfig(link)
	cfg.Baud = 115200
	s := run(t, cfg)
	s.next(drivers.Attached)
	reader.Inject(slices.Repeat([]pty.Fault{pty.Mute}, 4)...) // three looks, then one failed probe
	s.next(drivers.Detached)
	if e := s.next(drivers.Faulted); e.Fault.Code != drivers.FaultReaderHardware || !strings.Contains(e.Fault.Detail, "does not answer") {
		t.Errorf("fault %v", e.Fault)
	}
	s.next(drivers.Attached)
}

func TestIDReaderUnplugged(t *testing.T) {
	link := filepath.Join(t.TempDir(), "id0")
	reader := &pty.IDReader{}
	port := plug(t, link, reader)
	s := run(t, idConfig(link))
	s.next(drivers.Attached)
	must(t, port.Unplug())
	s.next(drivers.Detached)
	plug(t, link, reader)
	s.next(drivers.Attached)
}

// journal collects log lines of several goroutines.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

func TestNothingOfAPatientReachesTheLog(t *testing.T) {
	var log journal
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	folder := t.TempDir()
	scanner, reader := &pty.Scanner{Suffix: "\r"}, &pty.IDReader{}
	scannerPort := plug(t, filepath.Join(folder, "qr0"), scanner)
	idPort := plug(t, filepath.Join(folder, "id0"), reader)
	scans, cards := scannerConfig(t, filepath.Join(folder, "qr0")), idConfig(filepath.Join(folder, "id0"))
	scans.Logger, cards.Logger = logger, logger
	a, b := run(t, scans), run(t, cards)

	a.next(drivers.Attached)
	must(t, scanner.Scan("990101190001010018"))
	must(t, scanner.Scan("样例\xff0001"))
	must(t, scanner.Send(bytes.Repeat([]byte("990101190001010018"), 1000)))
	for _, want := range []drivers.EventType{drivers.Completed, drivers.Completed, drivers.Faulted} {
		e := a.next(want)
		logger.Info("event", "read", e.Read, "fault", e.Fault)
	}
	b.next(drivers.Attached)
	reader.Refuse(idcard.CmdRead, idcard.StatusReadFailed, 1)
	reader.Place(card())
	b.next(drivers.Presented)
	logger.Info("event", "read", b.next(drivers.Completed).Read)
	must(t, scannerPort.Unplug())
	must(t, idPort.Unplug())
	a.next(drivers.Detached)
	b.next(drivers.Detached)

	text := log.String()
	if !strings.Contains(text, "cn-resident-id") {
		t.Error("the log does not even say what was read")
	}
	for _, secret := range []string{"99010119000101", "测试", "样例", "1900-01-01", "0001010018"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
