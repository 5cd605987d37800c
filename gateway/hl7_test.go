package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
)

// his is a system of the hospital that takes messages in.
type his struct {
	addr string
	got  chan *hl7.Message
}

// startHIS starts a system that accepts everything it gets.
func startHIS(t *testing.T) his {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := his{addr: l.Addr().String(), got: make(chan *hl7.Message, 100)}
	srv := &mllp.Server{Handler: func(_ context.Context, raw []byte, _ mllp.Peer) mllp.Reply {
		m, err := hl7.Parse(raw, hl7.Options{})
		if err != nil {
			return mllp.Reply{ACK: hl7.NAK(raw, err, hl7.AckInfo{Now: time.Now()})}
		}
		h.got <- m
		code, wanted := m.AckMode().Immediate(hl7.Accepted)
		if !wanted {
			return mllp.Reply{}
		}
		return mllp.Reply{ACK: hl7.ACK(raw, hl7.AckInfo{Code: code, Now: time.Now()})}
	}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return h
}

// next is the next message it got.
func (h his) next(t *testing.T) *hl7.Message {
	t.Helper()
	select {
	case m := <-h.got:
		return m
	case <-time.After(30 * time.Second):
		t.Fatal("the system got nothing")
		return nil
	}
}

func value(t *testing.T, m *hl7.Message, path string) string {
	t.Helper()
	v, err := m.Get(path)
	if err != nil {
		t.Fatal(err)
	}
	return v.Text()
}

// TestSenderHearsWhatBecameOfItsMessage: in enhanced mode the commit is acknowledged at
// once, and what the platform did with it later, at the destination that the site names.
func TestSenderHearsWhatBecameOfItsMessage(t *testing.T) {
	system := startHIS(t)
	answers := make(chan int, 2)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/fhir+json")
		w.WriteHeader(<-answers)
		_, _ = io.WriteString(w, `{"resourceType":"Bundle","type":"transaction-response"}`)
	}))
	defer up.Close()
	hub := run(t, t.TempDir(), fmt.Sprintf(`
role: hub
hl7:
  listen: "127.0.0.1:0"
  senders: [{name: his, application: HIS, reply_to: his}]
  destinations: [{name: his, address: %q}]
upstream: {kind: fhir, url: %q}
`, system.addr, up.URL))

	enhanced := func(id, patient string) string {
		return strings.Replace(adt("A01", id, patient, "测试", ""), "|2.5.1|||||", "|2.5.1|||AL|AL|", 1)
	}
	for i, tt := range []struct {
		name   string
		status int
		want   string
	}{
		{"delivered", http.StatusOK, "AA"},
		{"refused and parked", http.StatusUnprocessableEntity, "AE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			id := fmt.Sprintf("E%d", i)
			if ack := hub.send(enhanced(id, "P"+id)); ack.Code != hl7.CA || string(ack.ControlID) != id {
				t.Fatalf("at once: %s for %q", ack.Code, ack.ControlID)
			}
			select {
			case m := <-system.got:
				t.Fatalf("told %q before the platform answered", m.ControlID())
			default:
			}
			answers <- tt.status
			ack := system.next(t)
			if got := value(t, ack, "MSA-1"); got != tt.want || value(t, ack, "MSA-2") != id || string(ack.ControlID()) == id || !ack.IsAck() {
				t.Errorf("told %s for %s as %q", got, value(t, ack, "MSA-2"), ack.ControlID())
			}
		})
	}
	hub.stop()
	for _, canary := range []string{"测试", "PE1"} {
		if strings.Contains(hub.log.String(), canary) {
			t.Errorf("the log holds %q", canary)
		}
	}
}

// TestSenderIsReadAsTheSiteSays: GBK without a declaration, from one configured sender.
func TestSenderIsReadAsTheSiteSays(t *testing.T) {
	_, base, token := platform(t, t.TempDir())
	hub := run(t, t.TempDir(), fmt.Sprintf(`
role: hub
hl7:
  listen: "127.0.0.1:0"
  senders: [{name: his, application: HIS, charset: GBK, force_charset: true}]
upstream: {kind: fhir, url: %q, token_file: %q}
`, base, token))
	msg := strings.Replace(adt("A01", "G1", "G9", "\xb2\xe2\xca\xd4", ""), "UNICODE UTF-8", "ASCII", 1)
	if ack := hub.send(msg); ack.Code != hl7.AA {
		t.Fatalf("got %s %s", ack.Code, ack.Text)
	}
	b := get(t, base, "/Patient?identifier=urn:oid:1.2.3.4.5|G9", found(1))
	if !strings.Contains(string(b.Entry[0].Resource), "测试") {
		t.Errorf("read as %s", b.Entry[0].Resource)
	}
}

func TestOnlyListedSenders(t *testing.T) {
	hub := run(t, t.TempDir(), `
role: hub
hl7:
  listen: "127.0.0.1:0"
  only_listed: true
  senders: [{name: lis, application: LIS}]
`)
	if ack := hub.send(adt("A01", "L1", "M1", "测试", "")); ack.Code != hl7.AR {
		t.Errorf("a sender that is not listed got %s", ack.Code)
	}
	if ack := hub.send(strings.Replace(adt("A01", "L2", "M1", "测试", ""), "|HIS|", "|LIS|", 1)); ack.Code != hl7.AA {
		t.Errorf("a listed sender got %s %s", ack.Code, ack.Text)
	}
}
