package desk

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cardferry/drivers"

	"github.com/google/go-cmp/cmp"
)

// poll asks for the next events and must be answered without waiting.
func poll(t *testing.T, d *Desk, after uint64) batch {
	t.Helper()
	return decode[batch](t, get(d, fmt.Sprintf("/v1/reads/next?wait=0s&after=%d", after)), http.StatusOK)
}

func types(events []Event) []EventType {
	out := make([]EventType, 0, len(events))
	for _, e := range events {
		out = append(out, e.Type)
	}
	return out
}

func TestLongPollTellsWhatHappenedAfterTheCursor(t *testing.T) {
	d := newDesk(t, Config{Name: "reg-03"})
	start := d.events.now()
	d.Publish(drivers.Event{Type: drivers.Attached, Reader: slot})
	d.Publish(drivers.Event{Type: drivers.Presented, Reader: slot})
	publishRead(d, aRead())
	d.Publish(drivers.Event{Type: drivers.Removed, Reader: slot})

	first := poll(t, d, start)
	if diff := cmp.Diff([]EventType{ReaderAttached, CardPresented, CardRead, CardRemoved}, types(first.Events)); diff != "" {
		t.Error(diff)
	}
	if first.Gap || first.Cursor != start+4 || first.Events[0].Desk != "reg-03" {
		t.Errorf("%+v", first)
	}
	if again := poll(t, d, first.Cursor); len(again.Events) != 0 || again.Cursor != first.Cursor || again.Gap {
		t.Errorf("nothing new, but %+v", again)
	}
	if middle := poll(t, d, start+2); len(middle.Events) != 2 {
		t.Errorf("resumed in the middle: %v", types(middle.Events))
	}
}

func TestLongPollWithoutCursorStartsNow(t *testing.T) {
	d := newDesk(t, Config{})
	d.Publish(drivers.Event{Type: drivers.Attached, Reader: slot})
	got := decode[batch](t, get(d, "/v1/reads/next?wait=0s"), http.StatusOK)
	if len(got.Events) != 0 || got.Cursor != d.events.now() {
		t.Errorf("%+v", got)
	}
}

func TestLongPollWaits(t *testing.T) {
	for _, c := range []struct {
		name  string
		query string
		after time.Duration // when it is answered
		do    func(*Desk, context.CancelFunc)
		want  int
	}{
		{"as long as asked", "?wait=40s", 40 * time.Second, func(*Desk, context.CancelFunc) {}, 0},
		{"25 s unless asked", "", 25 * time.Second, func(*Desk, context.CancelFunc) {}, 0},
		{"until something happens", "", 3 * time.Second, func(d *Desk, _ context.CancelFunc) {
			d.Publish(drivers.Event{Type: drivers.Attached, Reader: slot})
		}, 1},
		{"until the desk closes", "", 3 * time.Second, func(d *Desk, _ context.CancelFunc) { d.Close() }, 0},
		{"until the client goes", "", 3 * time.Second, func(_ *Desk, cancel context.CancelFunc) { cancel() }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := New(Config{})
				defer d.Close()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				begin := time.Now()
				time.AfterFunc(3*time.Second, func() { c.do(d, cancel) })
				w := do(d, httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/reads/next"+c.query, nil))
				if took := time.Since(begin); took != c.after {
					t.Errorf("answered after %v, want %v", took, c.after)
				}
				if got := decode[batch](t, w, http.StatusOK); len(got.Events) != c.want {
					t.Errorf("%v", types(got.Events))
				}
			})
		})
	}
}

func TestLogTellsOfAGap(t *testing.T) {
	d := newDesk(t, Config{})
	start := d.events.now()
	for range logSize + 10 {
		d.Publish(drivers.Event{Type: drivers.Presented, Reader: slot})
	}
	for name, after := range map[string]uint64{
		"older than the log":   start,
		"just older":           start + 9,
		"of an earlier run":    0,
		"in the future":        d.events.now() + 1,
		"largest there can be": 1<<63 - 1,
	} {
		got := poll(t, d, after)
		if !got.Gap || len(got.Events) != batchSize || got.Events[0].Seq != start+11 {
			t.Errorf("%s: gap %t, %d events", name, got.Gap, len(got.Events))
		}
	}
	seen, cursor := 0, start+10
	for {
		got := poll(t, d, cursor)
		if got.Gap {
			t.Fatal("gap where there is none")
		}
		if len(got.Events) == 0 {
			break
		}
		seen, cursor = seen+len(got.Events), got.Cursor
	}
	if seen != logSize {
		t.Errorf("read %d events in pages, want %d", seen, logSize)
	}
}

func TestCursorsGrowAcrossARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := New(Config{})
		before.Publish(drivers.Event{Type: drivers.Attached, Reader: slot})
		last := before.events.now()
		before.Close()
		<-time.After(time.Second)
		after := New(Config{})
		defer after.Close()
		after.Publish(drivers.Event{Type: drivers.Attached, Reader: slot})
		got := poll(t, after, last)
		if !got.Gap || len(got.Events) != 1 || got.Cursor <= last || got.Cursor >= 1<<53 {
			t.Errorf("%+v after cursor %d", got, last)
		}
	})
}

func TestQueryErrors(t *testing.T) {
	d := newDesk(t, Config{})
	for query, want := range map[string]problemCode{
		"after=x":                    codeCursorInvalid,
		"after=-1":                   codeCursorInvalid,
		"after=99999999999999999999": codeCursorInvalid,
		"after=%zz":                  codeCursorInvalid,
		"wait=25":                    codeWaitInvalid,
		"wait=61s":                   codeWaitInvalid,
		"wait=-1s":                   codeWaitInvalid,
		"wait=soon":                  codeWaitInvalid,
	} {
		wantProblem(t, get(d, "/v1/reads/next?"+query), want)
	}
	wantProblem(t, get(d, "/v1/events?after=x"), codeCursorInvalid)
	r := httptest.NewRequest(http.MethodGet, "/v1/events", nil)
	r.Header.Set("Last-Event-ID", "x")
	wantProblem(t, do(d, r), codeCursorInvalid)
}

func TestReadIsFetchedByIDWhileItLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{ReadTTL: 60 * time.Second})
		defer d.Close()
		want := aRead()
		want.Time = want.Time.UTC().Round(0)
		publishRead(d, want)
		<-time.After(60*time.Second - 1)
		got := decode[drivers.Read](t, get(d, "/v1/reads/"+want.ID), http.StatusOK)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		<-time.After(1)
		synctest.Wait()
		wantProblem(t, get(d, "/v1/reads/"+want.ID), codeReadExpired)
		wantProblem(t, get(d, "/v1/reads/"+drivers.NewReadID()), codeReadUnknown)
		for _, e := range d.events.entries {
			if e.read != nil {
				t.Error("a read is still in memory")
			}
		}
	})
}

func TestReadLeavesWithItsEvent(t *testing.T) {
	d := newDesk(t, Config{})
	old := aRead()
	publishRead(d, old)
	for range logSize {
		publishRead(d, aRead())
	}
	wantProblem(t, get(d, "/v1/reads/"+old.ID), codeReadUnknown)
	if len(d.events.byID) != logSize {
		t.Errorf("%d reads indexed, want %d", len(d.events.byID), logSize)
	}
}

func TestCloseForgetsReads(t *testing.T) {
	d := New(Config{})
	read := aRead()
	publishRead(d, read)
	d.Close()
	d.Close()
	wantProblem(t, get(d, "/v1/reads/"+read.ID), codeReadExpired)
	wantProblem(t, get(d, "/v1/reads/next"), codeShuttingDown)
	if w := get(d, "/v1/events"); w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	publishRead(d, read)
	if w := get(d, "/v1/status"); w.Code != http.StatusOK {
		t.Errorf("status is answered with %d after Close", w.Code)
	}
}

func TestWaitingRequestsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{})
		for range maxStreams {
			go get(d, "/v1/reads/next?wait=60s")
		}
		synctest.Wait()
		wantProblem(t, get(d, "/v1/reads/next"), codeStreamsBusy)
		d.Close()
		synctest.Wait()
		if len(d.streams) != 0 {
			t.Errorf("%d places still taken", len(d.streams))
		}
	})
}

func TestReaderStates(t *testing.T) {
	d := newDesk(t, Config{})
	scanner := drivers.Reader{Name: "scan-1", Driver: "serial", Kind: drivers.KindScanner}
	fault := &drivers.Fault{Code: drivers.FaultUnresponsive}
	read := aRead()
	for i, step := range []struct {
		event drivers.Event
		want  State
	}{
		{drivers.Event{Type: drivers.Attached, Reader: slot}, StateReady},
		{drivers.Event{Type: drivers.Presented, Reader: slot}, StateReading},
		{drivers.Event{Type: drivers.Completed, Reader: slot, Read: &read}, StateCard},
		{drivers.Event{Type: drivers.Removed, Reader: slot}, StateReady},
		{drivers.Event{Type: drivers.Presented, Reader: slot}, StateReading},
		{drivers.Event{Type: drivers.Faulted, Reader: slot, Fault: fault}, StateFault},
		{drivers.Event{Type: drivers.Removed, Reader: slot}, StateReady},
		{drivers.Event{Type: drivers.Detached, Reader: slot}, StateDetached},
	} {
		d.Publish(step.event)
		got := d.Readers()
		if len(got) != 1 || got[0].State != step.want || got[0].Reader != slot {
			t.Fatalf("step %d: %+v, want %s", i, got, step.want)
		}
		if (got[0].Fault != nil) != (step.want == StateFault) || (got[0].Read != "") != (step.want == StateCard) {
			t.Errorf("step %d: %+v", i, got[0])
		}
	}
	d.Publish(drivers.Event{Type: drivers.Completed, Reader: scanner, Read: &read})
	if got := d.Readers()[1]; got.State != StateReady || got.Read != "" {
		t.Errorf("a scanner holds nothing: %+v", got)
	}
}

func TestDriverFaultStaysUntilAReaderWorks(t *testing.T) {
	for _, name := range []string{"", "pcsc"} {
		t.Run("named "+strconv.Quote(name), func(t *testing.T) { driverFault(t, name) })
	}
}

func driverFault(t *testing.T, name string) {
	d := newDesk(t, Config{})
	d.Publish(drivers.Event{Type: drivers.Faulted, Reader: drivers.Reader{Name: name, Driver: "pcsc"}, Fault: &drivers.Fault{Code: drivers.FaultServiceDown}})
	d.Publish(drivers.Event{Type: drivers.Detached, Reader: slot})
	if got := d.Readers(); len(got) != 2 || got[0].State != StateFault || got[0].Name != "" {
		t.Fatalf("%+v", got)
	}
	d.Publish(drivers.Event{Type: drivers.Attached, Reader: slot})
	if got := d.Readers(); len(got) != 1 || got[0].State != StateReady {
		t.Errorf("%+v", got)
	}
}

func TestReaderTableIsBounded(t *testing.T) {
	d := newDesk(t, Config{})
	for i := range maxReaders + 50 {
		r := drivers.Reader{Name: fmt.Sprint("usb-", i), Driver: "serial"}
		d.Publish(drivers.Event{Type: drivers.Attached, Reader: r})
		d.Publish(drivers.Event{Type: drivers.Detached, Reader: r})
	}
	got := d.Readers()
	if len(got) != maxReaders || !slices.ContainsFunc(got, func(s ReaderState) bool { return s.Name == fmt.Sprint("usb-", maxReaders+49) }) {
		t.Errorf("%d readers", len(got))
	}
}

func TestStatusIsTheGatewaysWithTheDesksPart(t *testing.T) {
	since := time.Date(2026, 11, 20, 1, 2, 3, 0, time.UTC)
	d := newDesk(t, Config{Name: "reg-03", Status: func() Status {
		return Status{Product: "cardferry", Version: "1.2.3", Role: "desk",
			Queue:    Queue{Depth: map[string]int{"live": 12}, Parked: 1, OldestAgeSeconds: 90},
			Upstream: Upstream{Kind: "fhir", State: UpstreamDown, LastSuccess: since, Code: "http_503"},
			Health:   []Condition{{Code: "disk_low", Severity: SeverityWarning, Since: since}}}
	}})
	got := decode[map[string]any](t, get(d, "/v1/status"), http.StatusOK)
	delete(got, "time")
	want := map[string]any{
		"product": "cardferry", "version": "1.2.3", "role": "desk", "desk": "reg-03", "simulator": false,
		"api_levels": []any{1.0}, "current": 1.0,
		"queue":    map[string]any{"depth": map[string]any{"live": 12.0}, "parked": 1.0, "oldest_age_seconds": 90.0},
		"upstream": map[string]any{"kind": "fhir", "state": "down", "last_success": "2026-11-20T01:02:03Z", "code": "http_503"},
		"health":   []any{map[string]any{"code": "disk_low", "severity": "warning", "since": "2026-11-20T01:02:03Z"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	bare := decode[statusAnswer](t, get(newDesk(t, Config{}), "/v1/status"), http.StatusOK)
	if bare.Product != "cardferry" || bare.Upstream.State != UpstreamUnknown {
		t.Errorf("%+v", bare)
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	d := newDesk(t, Config{})
	wantProblem(t, get(d, "/v1/nothing"), codeNotFound)
	wantProblem(t, get(d, "/page/"), codeNotFound)
	w := post(d, "/v1/status", "{}")
	wantProblem(t, w, codeMethodNotAllowed)
	if got := w.Header().Get("Allow"); got != "GET, HEAD, OPTIONS" {
		t.Errorf("Allow: %q", got)
	}
	wantProblem(t, do(d, httptest.NewRequest(http.MethodTrace, "/v1/status", nil)), codeMethodNotAllowed)
}

func TestEveryRouteIsServed(t *testing.T) {
	d := newDesk(t, Config{})
	for _, x := range d.routes() {
		path := strings.NewReplacer("{id}", "X", "{$}", "").Replace(x.pattern)
		w := do(d, httptest.NewRequest(http.MethodOptions, path, nil))
		if w.Code != http.StatusNoContent || !strings.Contains(w.Header().Get("Allow"), x.method) {
			t.Errorf("%s %s: status %d, Allow %q", x.method, x.pattern, w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestPanicBecomesAProblem(t *testing.T) {
	d := newDesk(t, Config{Status: func() Status { panic(markerName) }})
	w := get(d, "/v1/status")
	wantProblem(t, w, codeInternal)
	if strings.Contains(w.Body.String(), markerName) {
		t.Error("the answer tells what the panic said")
	}
}
