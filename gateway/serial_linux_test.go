package gateway_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"cardferry/drivers/rig/pty"
	"cardferry/gateway/desk"
)

// log follows the desk's events as a HIS page does.
type log struct {
	t      *testing.T
	base   string
	cursor uint64
}

// await returns the next event that is wanted.
func (l *log) await(what string, wanted func(desk.Event) bool) desk.Event {
	l.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		resp, err := http.Get(fmt.Sprintf("%s/v1/reads/next?after=%d&wait=5s", l.base, l.cursor))
		if err != nil {
			l.t.Fatal(err)
		}
		var batch struct {
			Events []desk.Event `json:"events"`
			Cursor uint64       `json:"cursor"`
		}
		err = json.NewDecoder(resp.Body).Decode(&batch)
		_ = resp.Body.Close()
		if err != nil {
			l.t.Fatal(err)
		}
		for _, e := range batch.Events {
			l.cursor = e.Seq
			if wanted(e) {
				return e
			}
		}
		l.cursor = batch.Cursor
	}
	l.t.Fatalf("no event in 20 s: %s", what)
	return desk.Event{}
}

func is(typ desk.EventType, reader string) func(desk.Event) bool {
	return func(e desk.Event) bool { return e.Type == typ && e.Reader == reader }
}

// TestSerialReadersFromTheWireToTheDesk runs a scanner and a resident ID card
// reader on pseudo terminals through the whole daemon, with unplug and re-plug.
func TestSerialReadersFromTheWireToTheDesk(t *testing.T) {
	dir := t.TempDir()
	scanPort, idPort := filepath.Join(dir, "scanner"), filepath.Join(dir, "idreader")
	scanner := &pty.Scanner{Suffix: "\r\n", Baud: 9600}
	idReader := &pty.IDReader{}
	plug := func(link string, dev pty.Device) *pty.Port {
		p, err := pty.Plug(link, dev)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Unplug() })
		return p
	}
	port := plug(scanPort, scanner)
	plug(idPort, idReader)
	d := run(t, t.TempDir(), fmt.Sprintf(`desk: {listen: "127.0.0.1:0"}
readers:
  serial:
    - {port: %q, kind: scanner, name: counter-scanner}
    - {port: %q, kind: idcard, name: counter-id}
`, scanPort, idPort))
	events := &log{t: t, base: "http://" + d.Addr("desk.listen").String(), cursor: 1}
	events.await("scanner attached", is(desk.ReaderAttached, "counter-scanner"))

	if err := scanner.Scan("990101190001010018"); err != nil {
		t.Fatal(err)
	}
	if e := events.await("scan", is(desk.CodeRead, "counter-scanner")); e.Medium != "cn-resident-id" || e.ID == "" {
		t.Errorf("the scan became %+v", e)
	}
	if err := scanner.Scan("281234567890123456"); err != nil {
		t.Fatal(err)
	}
	if e := events.await("payment code", is(desk.CodeRead, "counter-scanner")); e.Medium != "payment-code" {
		t.Errorf("the payment code became %s", e.Medium)
	}

	idReader.Place(pty.IDCard{Text: pty.Citizen{
		Name: "测试甲", Sex: "1", Ethnicity: "01", Birth: "19000101", Address: "测试市", Number: "990101190001010018",
		Issuer: "测试局", From: "20200101", To: "长期",
	}.Block()})
	e := events.await("ID card", is(desk.CardRead, "counter-id"))
	if e.Medium != "cn-resident-id" || e.Assurance != "chip-read" || e.Subject == nil {
		t.Errorf("the ID card became %+v", e)
	}
	idReader.Lift()
	events.await("ID card lifted", is(desk.CardRemoved, "counter-id"))

	if err := port.Unplug(); err != nil {
		t.Fatal(err)
	}
	events.await("scanner unplugged", is(desk.ReaderDetached, "counter-scanner"))
	plug(scanPort, scanner)
	events.await("scanner plugged in again", is(desk.ReaderAttached, "counter-scanner"))
	if err := scanner.Scan("990101190203040012"); err != nil {
		t.Fatal(err)
	}
	events.await("scan after re-plug", is(desk.CodeRead, "counter-scanner"))
}
