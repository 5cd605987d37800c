package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"cardferry/configs"
	"cardferry/gateway"
	"cardferry/hl7"
	"cardferry/hl7/fhir/r4"
	"cardferry/hl7/mllp"
)

// serveEnv makes this test binary a daemon that can be killed.
const serveEnv = "CARDFERRY_TEST_SERVE"

func serveChild(config string) int {
	_ = os.Unsetenv(serveEnv)
	cfg, err := configs.Load(config, nil)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		var g *gateway.Gateway
		if g, err = gateway.New(cfg, "child", slog.New(slog.NewTextHandler(os.Stderr, nil))); err == nil {
			err = g.Run(ctx)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

const (
	crashRounds   = 20
	crashSenders  = 16
	crashPatients = 4 // per sender
)

// TestKillNine kills the hub with SIGKILL at random moments under load, 20
// times. Every acknowledged message must take effect at the platform, in order
// per patient, and none twice.
func TestKillNine(t *testing.T) {
	if testing.Short() {
		t.Skip("20 rounds of kill -9")
	}
	_, base, token := platform(t, t.TempDir())
	hub := newVictim(t, base, token)
	hub.start()
	defer hub.kill()

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	senders := make([]*sender, crashSenders)
	var wg sync.WaitGroup
	for i := range senders {
		senders[i] = &sender{id: i, client: mllp.Client{Addr: hub.hl7, AckFor: 5 * time.Second}, acked: map[string]int{}, progress: hub.progress}
		wg.Go(func() { senders[i].run(ctx) })
	}
	for range crashRounds {
		for range 30 + rand.IntN(200) { // somewhere in the middle of the next few hundred
			<-hub.progress
		}
		hub.kill()
		hub.start()
	}
	for range 200 {
		<-hub.progress
	}
	stop()
	wg.Wait()

	total := 0
	for _, s := range senders {
		total += s.sum()
		for mrn, last := range s.acked {
			checkHistory(t, base, mrn, last)
		}
	}
	t.Logf("%d messages acknowledged over %d kills; all at the platform, in order, once", total, crashRounds)
	if total < crashRounds*30 {
		t.Errorf("only %d messages were acknowledged: this proves little", total)
	}
}

// checkHistory reads every version of a patient: the phone numbers must count up
// without a gap and without repeats, at least to the last acknowledged one.
func checkHistory(t *testing.T, base, mrn string, last int) {
	t.Helper()
	var id string
	get(t, base, "/Patient?identifier=urn:oid:1.2.3.4.5|"+mrn, func(b r4.Bundle) bool {
		if len(b.Entry) != 1 {
			return false
		}
		var p r4.Patient
		if err := json.Unmarshal(b.Entry[0].Resource, &p); err != nil || len(p.Telecom) == 0 {
			return false
		}
		id = p.ID
		return counter(p) >= last
	})
	previous := 0
	for v := 1; ; v++ {
		p, ok := version(t, base, id, v)
		if !ok {
			break
		}
		if n := counter(p); n != previous+1 {
			t.Fatalf("patient %s, version %d: counter %d after %d", mrn, v, n, previous)
		} else {
			previous = n
		}
	}
	if previous < last {
		t.Fatalf("patient %s: %d acknowledged, %d at the platform", mrn, last, previous)
	}
}

func counter(p r4.Patient) int {
	var n int
	_, _ = fmt.Sscanf(p.Telecom[0].Value, "139%08d", &n)
	return n
}

func version(t *testing.T, base, id string, v int) (p r4.Patient, ok bool) {
	t.Helper()
	req, _ := http.NewRequest(http.MethodGet, fmt.Sprintf("%s/Patient/%s/_history/%d", base, id, v), nil)
	req.Header.Set("Authorization", "Bearer secret-token")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusNotFound {
		return p, false
	}
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	return p, true
}

// victim is the hub in a process of its own.
type victim struct {
	t        *testing.T
	config   string
	hl7      string
	admin    string
	cmd      *exec.Cmd
	progress chan struct{} // one for each acknowledgement
}

func newVictim(t *testing.T, base, token string) *victim {
	t.Helper()
	v := &victim{t: t, hl7: unused(t), admin: unused(t), progress: make(chan struct{}, 1<<16)}
	dir := t.TempDir()
	v.config = filepath.Join(dir, "cardferry.yaml")
	yaml := fmt.Sprintf("role: hub\ndata_dir: %q\nsite: {id: \"000000000\"}\nadmin: {listen: %q}\nhl7: {listen: %q}\nupstream: {kind: fhir, url: %q, token_file: %q}\n",
		filepath.Join(dir, "data"), v.admin, v.hl7, base, token)
	if err := os.WriteFile(v.config, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return v
}

func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (v *victim) start() {
	v.t.Helper()
	var log lockedBuffer
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveEnv+"="+v.config)
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	v.cmd = cmd
	deadline := time.Now().Add(30 * time.Second)
	for {
		conn, err := net.Dial("tcp", v.hl7)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			v.t.Fatalf("the hub does not come back: %s", log.String())
		}
		<-time.After(2 * time.Millisecond)
	}
}

func (v *victim) kill() {
	if v.cmd == nil {
		return
	}
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait()
	v.cmd = nil
}

// sender is a hospital system that sends one message after the other and repeats
// what was not acknowledged.
type sender struct {
	id       int
	client   mllp.Client
	acked    map[string]int // patient to the last acknowledged counter
	progress chan<- struct{}
}

func (s *sender) sum() int {
	n := 0
	for _, c := range s.acked {
		n += c
	}
	return n
}

func (s *sender) run(ctx context.Context) {
	defer func() { _ = s.client.Close() }()
	for n := 1; ctx.Err() == nil; n++ {
		for p := range crashPatients {
			mrn := fmt.Sprintf("K%02d%02d", s.id, p)
			msg := adt("A08", fmt.Sprintf("%s-%d", mrn, n), mrn, "测试", fmt.Sprintf("139%08d", n))
			for !s.deliver(ctx, msg) {
				if ctx.Err() != nil {
					return
				}
			}
			s.acked[mrn] = n
			s.progress <- struct{}{}
		}
	}
}

// deliver sends msg and reports whether it was acknowledged. It fails when the
// hub dies.
func (s *sender) deliver(ctx context.Context, msg string) bool {
	ack, err := s.client.Send(ctx, []byte(msg))
	if err != nil {
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond): // as a sender waits before it dials again
		}
		return false
	}
	return ack.Code == hl7.AA
}

// newNoise returns a maker of printable text that does not compress well.
func newNoise() func(n int) string {
	r := rand.New(rand.NewPCG(1, 2))
	return func(n int) string {
		var b strings.Builder
		for b.Len() < n {
			b.WriteByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[r.IntN(64)])
		}
		return b.String()
	}
}
