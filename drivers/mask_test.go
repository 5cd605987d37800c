package drivers_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"cardferry/drivers"
	"cardferry/hl7/fhir/r4"
)

// Whatever way a read gets into a log, it tells what was read and not what it says.
func TestReadsMaskThemselves(t *testing.T) {
	patient := r4.NewPatient()
	patient.BirthDate, patient.Name = "1900-01-01", []r4.HumanName{{Text: "SECRET"}}
	read := drivers.Read{ID: "ID1", Medium: "tw-nhi", Patient: patient, Extras: map[string]any{"code": "SECRET"}}
	event := drivers.Event{Type: drivers.Completed, Time: time.Unix(0, 0), Reader: drivers.Reader{Name: "desk"}, Read: &read}
	fault := drivers.Event{Type: drivers.Faulted, Fault: &drivers.Fault{Code: drivers.FaultFrame, Detail: "check the cable"}}

	var out bytes.Buffer
	for _, h := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
		slog.New(h).Info("x", "read", read, "pointer", &read, "event", event, "fault", fault)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		fmt.Fprintf(&out, format+format+"\n", read, &read)
	}
	text := out.String()
	for _, secret := range []string{"SECRET", "1900"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	for _, want := range []string{"tw-nhi", "ID1", "frame_damaged", "check the cable"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

func TestReadIDsAreFresh(t *testing.T) {
	if a, b := drivers.NewReadID(), drivers.NewReadID(); a == b || len(a) != 26 {
		t.Errorf("%s and %s", a, b)
	}
}
