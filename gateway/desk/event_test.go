package desk

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cardferry/drivers"
	"cardferry/hl7/fhir/r4"

	"github.com/google/go-cmp/cmp"
)

func TestEventsAreMasked(t *testing.T) {
	read := aRead()
	read.Partial = true
	read.Warnings = []drivers.Warning{{Code: "lossy_text", Field: "name"}}
	event, _ := newEvent("reg-03", drivers.Event{Type: drivers.Completed, Time: read.Time, Reader: slot, Read: &read})
	event.Seq = 812
	data, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"seq": 812.0, "type": "card.read", "time": read.Time.Format(time.RFC3339Nano), "desk": "reg-03",
		"reader": "acs-acr39u-0", "driver": "pcsc", "simulated": false,
		"id": read.ID, "medium": "cn-ssc", "assurance": "chip-read", "partial": true,
		"subject":  map[string]any{"kind": "cn.resident_id", "masked": "110105********002X"},
		"warnings": []any{map[string]any{"code": "lossy_text", "field": "name"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestNoPatientDataLeavesExceptByID looks for the markers in every way out but
// the one that is for them.
func TestNoPatientDataLeavesExceptByID(t *testing.T) {
	var out bytes.Buffer
	d := newDesk(t, Config{Logger: slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	for _, kind := range []string{drivers.KindSmartcard, drivers.KindScanner, drivers.KindIDCard} {
		read := aRead()
		reader := slot
		reader.Kind = kind
		d.Publish(drivers.Event{Type: drivers.Completed, Reader: reader, Read: &read})
		read.Medium = drivers.MediumUnknown
		read.Extras = map[string]any{"atr": markerName, "text": markerID}
		d.Publish(drivers.Event{Type: drivers.Completed, Reader: reader, Read: &read})
	}
	for _, target := range []string{"/v1/reads/next?wait=0s&after=0", "/v1/readers", "/v1/status", "/v1/simulator", "/v1/reads/" + markerID, "/v1/reads/next?after=" + markerID} {
		out.WriteString(get(d, target).Body.String())
	}
	out.WriteString(firstOfStream(t, d, "0", 6))
	if !strings.Contains(out.String(), "110105********002X") {
		t.Fatal("the test saw no event")
	}
	for _, marker := range []string{markerName, markerBirth, markerID, markerCard, markerPayor, "19491231", "female"} {
		if strings.Contains(out.String(), marker) {
			t.Errorf("%q got out", marker)
		}
	}
}

func TestSubjects(t *testing.T) {
	identifier := func(code, value string) r4.Identifier {
		return r4.Identifier{Type: &r4.CodeableConcept{Coding: []r4.Coding{{Code: code}}}, Value: value}
	}
	for _, c := range []struct {
		name string
		ids  []r4.Identifier
		want *Subject
	}{
		{"none", nil, nil},
		{"empty value", []r4.Identifier{identifier("MR", "")}, nil},
		{"resident id", []r4.Identifier{identifier("NNCHN", markerID)}, &Subject{"cn.resident_id", "110105********002X"}},
		{"resident id with a lower-case x", []r4.Identifier{identifier("NNCHN", "11010519491231002x")}, &Subject{"cn.resident_id", "110105********002x"}},
		{"resident id that is not valid", []r4.Identifier{identifier("NNCHN", "110105194912310021")}, &Subject{"NNCHN", "************0021"}},
		{"resident id comes first", []r4.Identifier{identifier("MR", "12345678"), identifier("NNCHN", markerID)}, &Subject{"cn.resident_id", "110105********002X"}},
		{"long number", []r4.Identifier{identifier("PPN", "A123456789")}, &Subject{"PPN", "******6789"}},
		{"short number", []r4.Identifier{identifier("MR", "12345")}, &Subject{"MR", "****5"}},
		{"very short number", []r4.Identifier{identifier("MR", "123")}, &Subject{"MR", "***"}},
		{"very long code", []r4.Identifier{identifier("HC", strings.Repeat("f", 64))}, &Subject{"HC", "************ffff"}},
		{"not ASCII", []r4.Identifier{identifier("HC", "卡号一二三四五六")}, &Subject{"HC", "****三四五六"}},
		{"without type", []r4.Identifier{{Value: "12345678"}}, &Subject{"identifier", "****5678"}},
		{"a number where the type should be", []r4.Identifier{identifier("12345678", "12345678")}, &Subject{"identifier", "****5678"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, maskedSubject(&r4.Patient{Identifier: c.ids})); diff != "" {
				t.Error(diff)
			}
		})
	}
	if maskedSubject(nil) != nil {
		t.Error("a read without patient has a subject")
	}
}

func TestUnknownCardTellsItsATR(t *testing.T) {
	for _, c := range []struct {
		name, medium string
		atr          any
		want         string
	}{
		{"unknown card", "unknown", "3B6800000073C84012009000", "3B6800000073C84012009000"},
		{"known card", "cn-ssc", "3B6800000073C84012009000", ""},
		{"not hexadecimal", "unknown", markerName, ""},
		{"not text", "unknown", 59, ""},
		{"too long", "unknown", strings.Repeat("3B", 34), ""},
	} {
		read := drivers.Read{ID: "X", Medium: c.medium, Extras: map[string]any{"atr": c.atr}, Warnings: []drivers.Warning{{Code: "card_unknown"}}}
		event, _ := newEvent("", drivers.Event{Type: drivers.Completed, Reader: slot, Read: &read})
		if event.Type != CardRead || event.ATR != c.want || event.Subject != nil {
			t.Errorf("%s: %+v", c.name, event)
		}
	}
}

func TestSimulatedReaderMarksItsReads(t *testing.T) {
	d := newDesk(t, Config{})
	reader := drivers.Reader{Name: "sim-scanner", Driver: "virtual", Kind: drivers.KindScanner, Simulated: true}
	read := aRead()
	d.Publish(drivers.Event{Type: drivers.Completed, Reader: reader, Read: &read})
	event := poll(t, d, 0).Events[0]
	if !event.Simulated || event.Type != CodeRead {
		t.Errorf("%+v", event)
	}
	if got := decode[drivers.Read](t, get(d, "/v1/reads/"+event.ID), http.StatusOK); !got.Simulated {
		t.Error("the read does not say that it is simulated")
	}
	if read.Simulated {
		t.Error("the driver's read was changed")
	}
}

func TestReadWithoutIDGetsOne(t *testing.T) {
	d := newDesk(t, Config{})
	read := aRead()
	read.ID = ""
	publishRead(d, read)
	if id := poll(t, d, 0).Events[0].ID; len(id) != 26 {
		t.Errorf("id %q", id)
	}
}

func TestFaultIsTold(t *testing.T) {
	d := newDesk(t, Config{})
	d.Publish(drivers.Event{Type: drivers.Faulted, Reader: slot, Fault: &drivers.Fault{Code: drivers.FaultInUse, Detail: "SCARD_E_SHARING_VIOLATION"}})
	event := poll(t, d, 0).Events[0]
	if event.Type != ReaderFault || event.Fault == nil || event.Fault.Code != drivers.FaultInUse || event.Time.IsZero() {
		t.Errorf("%+v", event)
	}
}

func TestIncompleteEventsAreDropped(t *testing.T) {
	d := newDesk(t, Config{})
	for _, kind := range []drivers.EventType{drivers.Completed, drivers.Faulted, "unheard of", ""} {
		d.Publish(drivers.Event{Type: kind, Reader: slot})
	}
	if len(d.Readers()) != 0 || d.events.oldest != d.events.next {
		t.Errorf("taken: %d events, readers %+v", d.events.next-d.events.oldest, d.Readers())
	}
}

func TestHeadAnswersWithoutWaiting(t *testing.T) {
	d := newDesk(t, Config{})
	w := do(d, httptest.NewRequest(http.MethodHead, "/v1/events", nil))
	if w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Type") != "text/event-stream" {
		t.Errorf("%d %q %v", w.Code, w.Body, w.Header())
	}
}
