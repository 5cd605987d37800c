package desk

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cardferry/drivers"

	"github.com/google/go-cmp/cmp"
)

// bench is a simulator of two readers that publishes what real ones would.
type bench struct {
	desk *Desk
	used []string
}

var (
	simSlot    = drivers.Reader{Name: "sim-slot", Driver: "virtual", Kind: drivers.KindSmartcard, Simulated: true}
	simScanner = drivers.Reader{Name: "sim-scanner", Driver: "virtual", Kind: drivers.KindScanner, Simulated: true}
)

func (b *bench) Cards() []SimulatedCard {
	return []SimulatedCard{
		{ID: "ssc", Title: "社会保障卡 · 卓测试", Kind: drivers.KindSmartcard},
		{ID: "stray", Title: "陌生卡", Kind: drivers.KindSmartcard},
		{ID: "qr", Title: "电子健康卡二维码", Kind: drivers.KindScanner, Text: "https://ehc.example/1"},
	}
}

func (b *bench) use(what, reader string) error {
	b.used = append(b.used, what)
	if reader != simSlot.Name && reader != simScanner.Name {
		return fmt.Errorf("reader: %w", ErrNotSimulated)
	}
	return nil
}

func (b *bench) Insert(reader, card string) error {
	if card == "stuck" {
		return errors.New("the slot is stuck")
	}
	err := b.use("insert "+reader+" "+card, reader)
	if err == nil && b.desk != nil {
		read := aRead()
		read.Reader = reader
		if card == "stray" {
			read = drivers.Read{ID: drivers.NewReadID(), Time: read.Time, Reader: reader, Medium: drivers.MediumUnknown,
				Extras: map[string]any{"atr": strayATR}, Warnings: []drivers.Warning{{Code: "card_unknown"}}}
		}
		b.desk.Publish(drivers.Event{Type: drivers.Presented, Reader: simSlot})
		b.desk.Publish(drivers.Event{Type: drivers.Completed, Time: read.Time, Reader: simSlot, Read: &read})
	}
	return err
}

func (b *bench) Remove(reader string) error {
	err := b.use("remove "+reader, reader)
	if err == nil && b.desk != nil {
		b.desk.Publish(drivers.Event{Type: drivers.Removed, Reader: simSlot})
	}
	return err
}

func (b *bench) Scan(reader, text string) error { return b.use("scan "+reader+" "+text, reader) }

const strayATR = "3B6800000073C84012009000"

func TestSimulatorIsUsed(t *testing.T) {
	b := &bench{}
	var log bytes.Buffer
	d := newDesk(t, Config{Simulator: b, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	d.Publish(drivers.Event{Type: drivers.Attached, Reader: slot})
	d.Publish(drivers.Event{Type: drivers.Attached, Reader: simSlot})

	offer := decode[struct {
		Simulated bool
		Readers   []ReaderState
		Cards     []SimulatedCard
	}](t, get(d, "/v1/simulator"), http.StatusOK)
	if !offer.Simulated || len(offer.Readers) != 1 || offer.Readers[0].Name != simSlot.Name {
		t.Errorf("%+v", offer)
	}
	if diff := cmp.Diff(b.Cards(), offer.Cards); diff != "" {
		t.Error(diff)
	}
	for _, use := range [][2]string{
		{"insert", `{"reader":"sim-slot","card":"ssc"}`},
		{"remove", `{"reader":"sim-slot"}`},
		{"scan", `{"reader":"sim-scanner","text":"11010519491231002X"}`},
	} {
		got := decode[map[string]bool](t, post(d, "/v1/simulator/"+use[0], use[1]), http.StatusOK)
		if !got["simulated"] {
			t.Errorf("%s is not marked as simulated", use[0])
		}
	}
	if diff := cmp.Diff([]string{"insert sim-slot ssc", "remove sim-slot", "scan sim-scanner " + markerID}, b.used); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(log.String(), markerID) || strings.Count(log.String(), "simulated=true") != 3 {
		t.Errorf("log:\n%s", &log)
	}
	if !decode[statusAnswer](t, get(d, "/v1/status"), http.StatusOK).Simulator {
		t.Error("status does not say that the simulator is on")
	}
}

func TestSimulatorErrors(t *testing.T) {
	d := newDesk(t, Config{Simulator: &bench{}})
	for _, c := range []struct {
		name, use, body string
		want            problemCode
	}{
		{"unknown reader", "insert", `{"reader":"nowhere","card":"ssc"}`, codeSimulatedUnknown},
		{"refused", "insert", `{"reader":"sim-slot","card":"stuck"}`, codeSimulatorRefused},
		{"no reader", "remove", `{}`, codeBodyInvalid},
		{"no card", "insert", `{"reader":"sim-slot"}`, codeBodyInvalid},
		{"no text", "scan", `{"reader":"sim-scanner"}`, codeBodyInvalid},
		{"unknown field", "remove", `{"reader":"sim-slot","force":true}`, codeBodyInvalid},
		{"wrong type", "remove", `{"reader":7}`, codeBodyInvalid},
		{"two values", "remove", `{"reader":"sim-slot"}{}`, codeBodyInvalid},
		{"not JSON", "remove", `reader=sim-slot`, codeBodyInvalid},
		{"empty", "remove", ``, codeBodyInvalid},
		{"too large", "scan", `{"reader":"sim-scanner","text":"` + strings.Repeat("x", maxBody) + `"}`, codeBodyTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) { wantProblem(t, post(d, "/v1/simulator/"+c.use, c.body), c.want) })
	}
	t.Run("too large, length not told", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodPost, "/v1/simulator/scan", strings.NewReader(`{"text":"`+strings.Repeat("x", maxBody)+`"}`))
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		r.ContentLength = -1
		wantProblem(t, do(d, r), codeBodyTooLarge)
	})
	t.Run("a form", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodPost, "/v1/simulator/remove", strings.NewReader(`{"reader":"sim-slot"}`))
		r.Header.Set("Content-Type", "text/plain")
		wantProblem(t, do(d, r), codeContentType)
	})
}

func TestSimulatorOff(t *testing.T) {
	d := newDesk(t, Config{})
	wantProblem(t, get(d, "/v1/simulator"), codeSimulatorOff)
	for _, use := range []string{"insert", "remove", "scan"} {
		wantProblem(t, post(d, "/v1/simulator/"+use, `{"reader":"sim-slot","card":"ssc","text":"x"}`), codeSimulatorOff)
	}
}
