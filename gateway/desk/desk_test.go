package desk

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cardferry/drivers"
	"cardferry/hl7/fhir/r4"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Markers are the patient data of the synthetic person; none of them may ever
// be in an event, a log or a URL. The id is valid by its check character.
const (
	markerName  = "卓测试"
	markerBirth = "1949-12-31"
	markerID    = "11010519491231002X"
	markerCard  = "SSC-7788-990011"
	markerPayor = "测试医保局"
)

var slot = drivers.Reader{Name: "acs-acr39u-0", Driver: "pcsc", Kind: drivers.KindSmartcard}

// aRead returns a complete read of a synthetic person.
func aRead() drivers.Read {
	return drivers.Read{
		ID: drivers.NewReadID(), Time: time.Now(), Reader: slot.Name,
		Medium: "cn-ssc", Profile: "cn-ssc@1", Assurance: drivers.ChipRead,
		Patient: &r4.Patient{
			ResourceType: "Patient",
			Identifier: []r4.Identifier{
				{Type: &r4.CodeableConcept{Coding: []r4.Coding{{Code: "SS"}}}, Value: markerCard},
				{Type: &r4.CodeableConcept{Coding: []r4.Coding{{Code: "NNCHN"}}}, Value: markerID},
			},
			Name:      []r4.HumanName{{Use: "official", Text: markerName}},
			Gender:    "female",
			BirthDate: markerBirth,
		},
		Coverage: []r4.Coverage{{
			ResourceType: "Coverage", Status: "active", SubscriberID: markerCard,
			Payor: []r4.Reference{{Display: markerPayor}}, Period: &r4.Period{End: "2039-06-30"},
		}},
		Extras: map[string]any{"note": markerName},
	}
}

func newDesk(t testing.TB, c Config) *Desk {
	t.Helper()
	d := New(c)
	t.Cleanup(d.Close)
	return d
}

func publishRead(d *Desk, read drivers.Read) {
	d.Publish(drivers.Event{Type: drivers.Completed, Time: read.Time, Reader: slot, Read: &read})
}

// get asks the handler as a program on the machine would.
func get(d *Desk, target string) *httptest.ResponseRecorder {
	return do(d, httptest.NewRequest(http.MethodGet, target, nil))
}

func do(d *Desk, r *http.Request) *httptest.ResponseRecorder {
	if r.Host == "example.com" { // httptest's default
		r.Host = "127.0.0.1:8640"
	}
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	return w
}

func post(d *Desk, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return do(d, r)
}

// decode reads a JSON answer of the expected status.
func decode[T any](t testing.TB, w *httptest.ResponseRecorder, status int) T {
	t.Helper()
	if w.Code != status {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	var v T
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("not JSON: %v: %s", err, w.Body)
	}
	return v
}

// wantProblem checks status and stable code of a problem document.
func wantProblem(t testing.TB, w *httptest.ResponseRecorder, code problemCode) {
	t.Helper()
	p := decode[problemDocument](t, w, problemStatus[code])
	if p.Code != code || p.Type != "urn:cardferry:problem:"+string(code) || p.Status != w.Code {
		t.Errorf("problem %+v, want code %s", p, code)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
}
