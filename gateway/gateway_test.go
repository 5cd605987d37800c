package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cardferry/configs"
	"cardferry/gateway"
	"cardferry/hl7"
	"cardferry/hl7/fhir/r4"
	"cardferry/hl7/mllp"
)

func TestMain(m *testing.M) {
	if config := os.Getenv(serveEnv); config != "" {
		os.Exit(serveChild(config)) // see crash_test.go
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"))
}

// daemon is a gateway that runs in this process until the test ends.
type daemon struct {
	*gateway.Gateway
	t    *testing.T
	dir  string
	log  *lockedBuffer
	stop func()
}

// run starts a gateway with the given configuration below a data directory.
func run(t *testing.T, dir, yaml string) *daemon {
	t.Helper()
	yaml = fmt.Sprintf("data_dir: %q\nsite: {id: \"000000000\"}\nadmin: {listen: \"127.0.0.1:0\"}\n", dir) + yaml
	cfg, err := configs.Parse("test.yaml", []byte(yaml), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{t: t, dir: dir, log: &lockedBuffer{}}
	if d.Gateway, err = gateway.New(cfg, "test", slog.New(slog.NewTextHandler(d.log, nil))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	<-d.Ready()
	d.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the daemon ended with %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	t.Cleanup(d.stop)
	return d
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// platform starts a daemon that keeps what it gets; it returns its base URL and
// the file with its token.
func platform(t *testing.T, dir string) (d *daemon, base, tokenFile string) {
	t.Helper()
	tokenFile = filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte("secret-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	d = run(t, dir, fmt.Sprintf("role: hub\ningest: {listen: \"127.0.0.1:0\", token_file: %q}\nupstream: {kind: repository}\n", tokenFile))
	return d, "http://" + d.Addr("ingest.listen").String() + "/fhir", tokenFile
}

func (d *daemon) send(msg string) mllp.Ack {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ack, err := mllp.Send(ctx, d.Addr("hl7.listen").String(), nil, []byte(msg))
	if err != nil {
		d.t.Fatal(err)
	}
	return ack
}

// raw sends bytes as they are and returns what comes back until the peer is
// silent or closes.
func (d *daemon) raw(b []byte) string {
	d.t.Helper()
	conn, err := net.Dial("tcp", d.Addr("hl7.listen").String())
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	go func() { _, _ = conn.Write(b) }()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	var out bytes.Buffer
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		out.Write(buf[:n])
		if err != nil || bytes.HasSuffix(out.Bytes(), []byte("\x1c\r")) {
			return out.String()
		}
	}
}

func adt(event, control, mrn, family, phone string) string {
	return strings.Join([]string{
		`MSH|^~\&|HIS|T|GW|T|20260102030405+0800||ADT^` + event + `^ADT_A01|` + control + `|P|2.5.1|||||CHN|UNICODE UTF-8`,
		`EVN|` + event + `|20260102030405+0800`,
		`PID|1||` + mrn + `^^^HIS&1.2.3.4.5&ISO^MR||` + family + `^X||19800229|F|||||` + phone,
		`PV1|1|O`,
	}, "\r") + "\r"
}

// get reads from a platform, with ?identifier= as a search by POST; it waits until
// there is something to read.
func get(t *testing.T, base, path string, enough func(r4.Bundle) bool) r4.Bundle {
	t.Helper()
	var b r4.Bundle
	deadline := time.Now().Add(2 * time.Minute)
	for {
		req, _ := http.NewRequest(http.MethodGet, base+path, nil)
		if typ, ident, search := strings.Cut(path, "?identifier="); search {
			req, _ = http.NewRequest(http.MethodPost, base+typ+"/_search", strings.NewReader(url.Values{"identifier": {ident}}.Encode()))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		req.Header.Set("Authorization", "Bearer secret-token")
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			b = r4.Bundle{}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			_ = json.Unmarshal(body, &b)
			if resp.StatusCode == http.StatusOK && enough(b) {
				return b
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("GET %s: not there after 2 minutes (%v, %d entries)", path, err, len(b.Entry))
		}
		<-time.After(10 * time.Millisecond)
	}
}

func found(n int) func(r4.Bundle) bool {
	return func(b r4.Bundle) bool { return b.Total != nil && *b.Total == n }
}

func TestACardBecomesAPatientAtThePlatform(t *testing.T) {
	_, base, token := platform(t, t.TempDir())
	hub := run(t, t.TempDir(), fmt.Sprintf("role: hub\ningest: {listen: \"127.0.0.1:0\", token_file: %q}\nupstream: {kind: fhir, url: %q, token_file: %q}\n", token, base, token))
	desk := run(t, t.TempDir(), fmt.Sprintf("role: desk\ndesk: {listen: \"127.0.0.1:0\"}\nreaders: {virtual: {enabled: true}}\nupstream: {kind: fhir, url: %q, token_file: %q}\n",
		"http://"+hub.Addr("ingest.listen").String()+"/fhir", token))

	url := "http://" + desk.Addr("desk.listen").String()
	resp, err := http.Post(url+"/v1/simulator/insert", "application/json", strings.NewReader(`{"reader":"any","card":"tw-nhi"}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the simulator says %s", resp.Status)
	}
	b := get(t, base, "/Patient?identifier=http://www.moi.gov.tw|A200000003", found(1))
	if !strings.Contains(string(b.Entry[0].Resource), "1986-03-15") || !strings.Contains(string(b.Entry[0].Resource), "simulated") {
		t.Errorf("the patient is not complete or not marked as simulated: %s", b.Entry[0].Resource)
	}
}

func TestAMessageIsAcknowledgedThenAtThePlatformOnce(t *testing.T) {
	_, base, token := platform(t, t.TempDir())
	hub := run(t, t.TempDir(), fmt.Sprintf("role: hub\nhl7: {listen: \"127.0.0.1:0\"}\nupstream: {kind: fhir, url: %q, token_file: %q}\n", base, token))
	msg := adt("A01", "C1", "M1", "测试", "13900000001")
	for range 3 { // a sender that repeats itself
		if ack := hub.send(msg); ack.Code != hl7.AA || string(ack.ControlID) != "C1" {
			t.Fatalf("got %s for %s", ack.Code, ack.ControlID)
		}
	}
	get(t, base, "/Patient?identifier=urn:oid:1.2.3.4.5|M1", found(1))
	if b := get(t, base, "/Provenance?_summary=count", found(1)); *b.Total != 1 {
		t.Errorf("%d effects of one message", *b.Total)
	}
}

func TestOtherMessageTypesTravelToo(t *testing.T) {
	_, base, token := platform(t, t.TempDir())
	hub := run(t, t.TempDir(), fmt.Sprintf("role: hub\nhl7: {listen: \"127.0.0.1:0\"}\nupstream: {kind: fhir, url: %q, token_file: %q}\n", base, token))
	msg := strings.Replace(adt("A01", "C9", "M9", "测试", ""), "ADT^A01^ADT_A01", "ZZZ^Z99", 1)
	if ack := hub.send(msg); ack.Code != hl7.AA {
		t.Fatalf("got %s", ack.Code)
	}
	get(t, base, "/Patient?identifier=urn:oid:1.2.3.4.5|M9", found(1))
}

func TestBadMessagesAreRefusedWithAReason(t *testing.T) {
	hub := run(t, t.TempDir(), "role: hub\nhl7: {listen: \"127.0.0.1:0\"}\n")
	frame := func(s string) []byte { return []byte("\x0b" + s + "\x1c\r") }
	good := adt("A01", "OK1", "M1", "测试", "")
	tests := []struct {
		name string
		in   []byte
		want []string
	}{
		{"no MSH", frame("PID|1||X\r"), []string{"MSA|AR|"}},
		{"not HL7 at all", frame("HELLO WORLD"), []string{"MSA|AR|"}},
		{"empty frame", frame(""), []string{"MSA|AR|"}},
		{"no control id", frame(strings.Replace(good, "|OK1|", "||", 1)), []string{"MSA|AE|", "MSH-10"}},
		{"unknown charset of text that is no UTF-8", frame(strings.NewReplacer("UNICODE UTF-8", "KLINGON-7", "测试", "\xb2\xe2").Replace(good)), []string{"MSA|AE|OK1", "MSH-18"}},
		{"more than the limit", frame(good + "OBX|1|ED|||" + strings.Repeat("A", 20<<20) + "\r"), []string{"MSA|AR|OK1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := hub.raw(tt.in)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("answer %q does not say %q", got, want)
				}
			}
		})
	}
	if ack := hub.send(good); ack.Code != hl7.AA {
		t.Error("the listener does not go on")
	}
}

func TestAnAcknowledgementIsNotAcknowledged(t *testing.T) {
	hub := run(t, t.TempDir(), "role: hub\nhl7: {listen: \"127.0.0.1:0\"}\n")
	ack := "\x0bMSH|^~\\&|A|B|C|D|20260101||ACK|X1|P|2.5.1\rMSA|AA|Y1\r\x1c\r"
	got := hub.raw([]byte(ack + "\x0b" + adt("A01", "OK2", "M1", "测试", "") + "\x1c\r"))
	if strings.Count(got, "MSA|") != 1 || !strings.Contains(got, "MSA|AA|OK2") {
		t.Errorf("got %q", got)
	}
}

func TestABatchIsStoredMessageByMessage(t *testing.T) {
	_, base, token := platform(t, t.TempDir())
	hub := run(t, t.TempDir(), fmt.Sprintf("role: hub\nhl7: {listen: \"127.0.0.1:0\"}\nupstream: {kind: fhir, url: %q, token_file: %q}\n", base, token))
	got := hub.raw([]byte("\x0bFHS|^~\\&\rBHS|^~\\&\r" + adt("A01", "B1", "M1", "测试", "") + adt("A01", "", "M2", "测试", "") + adt("A01", "B3", "M3", "测试", "") + "BTS|3\rFTS|1\r\x1c\r"))
	for _, want := range []string{"MSA|AA|B1", "MSA|AE|", "MSA|AA|B3", "BTS|3"} {
		if !strings.Contains(got, want) {
			t.Errorf("the answer lacks %q: %q", want, got)
		}
	}
	get(t, base, "/Patient?_summary=count", found(2))
}

func TestAFullQueueRejectsAndRecovers(t *testing.T) {
	dir := t.TempDir()
	hub := run(t, dir, "role: hub\nhl7: {listen: \"127.0.0.1:0\"}\nqueue: {quota: 24MB}\n")
	filler := strings.Repeat("NTE|1||"+strings.Repeat("x", 1000)+"\r", 1)
	accepted, rejected := 0, false
	noise := newNoise()
	for i := range 200 {
		msg := adt("A01", fmt.Sprint("F", i), "M1", "测试", "") + filler + "OBX|1|ED|||" + noise(1<<20) + "\r"
		code := hub.send(msg).Code
		if code == hl7.AR {
			rejected = true
			break
		}
		if code != hl7.AA {
			t.Fatalf("message %d: %s", i, code)
		}
		accepted++
	}
	if !rejected {
		t.Fatal("the quota was never reached")
	}
	hub.stop()

	_, base, token := platform(t, t.TempDir())
	hub = run(t, dir, fmt.Sprintf("role: hub\nhl7: {listen: \"127.0.0.1:0\"}\nqueue: {quota: 24MB}\nupstream: {kind: fhir, url: %q, token_file: %q}\n", base, token))
	get(t, base, "/Provenance?_summary=count", found(accepted))
	deadline := time.Now().Add(15 * time.Second)
	for hub.send(adt("A08", "LATER", "M1", "测试", "")).Code != hl7.AA {
		if time.Now().After(deadline) {
			t.Fatal("the queue accepts nothing though it is empty")
		}
	}
}

func TestNoPatientDataIsLeftBehind(t *testing.T) {
	const family, mrn, phone = "CANARYFAMILY", "CANARYMRN", "CANARYPHONE"
	deadURL := "http://127.0.0.1:9/fhir"
	dir := t.TempDir()
	hub := run(t, dir, fmt.Sprintf("role: all\ndesk: {listen: \"127.0.0.1:0\"}\nreaders: {virtual: {enabled: true}}\nhl7: {listen: \"127.0.0.1:0\"}\nlog: {level: debug}\nupstream: {kind: fhir, url: %q}\n", deadURL))
	if ack := hub.send(adt("A01", "P1", mrn, family, phone)); ack.Code != hl7.AA {
		t.Fatalf("the message was not stored: %s", ack.Code)
	}
	hub.raw([]byte("\x0bMSH|^~\\&|" + family + "\x1c\r"))
	resp, err := http.Post("http://"+hub.Addr("desk.listen").String()+"/v1/simulator/scan", "application/json",
		strings.NewReader(`{"reader":"any","text":"990101190001010018"}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if depth := hub.Status().Queue.Depth; resp.StatusCode != http.StatusOK || depth["live"] != 1 || depth["express"] != 1 {
		t.Fatalf("nothing to leak: scan %s, queue %v", resp.Status, depth)
	}
	metrics, err := http.Get("http://" + hub.Addr("admin.listen").String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	exposed, _ := io.ReadAll(metrics.Body)
	_ = metrics.Body.Close()
	hub.stop()

	markers := []string{family, mrn, phone, "990101190001010018"}
	search := func(where string, b []byte) {
		for _, m := range markers {
			if bytes.Contains(b, []byte(m)) {
				t.Errorf("%s holds %s", where, m)
			}
		}
	}
	search("the log", []byte(hub.log.String()))
	search("the metrics", exposed)
	err = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		search(path, b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTwoDaemonsCannotShareADataDirectory(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "role: hub\n")
	cfg, err := configs.Parse("t", fmt.Appendf(nil, "data_dir: %q\nsite: {id: \"1\"}\nrole: hub\nadmin: {listen: \"\"}\n", dir), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gateway.New(cfg, "test", slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("the second daemon started: %v", err)
	}
}

func TestATakenPortIsToldByItsKey(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	cfg, err := configs.Parse("t", fmt.Appendf(nil, "data_dir: %q\nsite: {id: \"1\"}\nhl7: {listen: %q}\ndesk: {listen: \"\"}\nadmin: {listen: \"\"}\n", t.TempDir(), l.Addr()), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gateway.New(cfg, "test", slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "hl7.listen") {
		t.Errorf("got %v", err)
	}
}
