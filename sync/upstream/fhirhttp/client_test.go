package fhirhttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cardferry/sync/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func request() upstream.Request {
	return upstream.Request{
		Key: "key-1", Lanes: []string{"aa", "bb"}, Class: "live", Kind: "hl7v2",
		Body: []byte(`{"resourceType":"Bundle","type":"transaction","entry":[]}`),
		Gaps: []upstream.Gap{{Lane: "aa", Count: 2, First: 3, Last: 7}},
	}
}

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

func newClient(t *testing.T, c Config) *Client {
	t.Helper()
	client, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// fhir answers with FHIR JSON.
func fhir(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json; charset=utf-8")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func outcome(code string) string {
	return `{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"informational"},{"severity":"error","code":"` + code +
		`","details":{"coding":[{"code":"MSG_BAD"}],"text":"SECRET"},"diagnostics":"SECRET","expression":["Bundle.entry[3].resource.birthDate"]}]}`
}

func entries(statuses ...string) string {
	var list []string
	for _, s := range statuses {
		list = append(list, `{"response":{"status":"`+s+`"}}`)
	}
	return `{"resourceType":"Bundle","type":"transaction-response","entry":[` + strings.Join(list, ",") + `]}`
}

func TestAnswers(t *testing.T) {
	html := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<html>please log in</html>")
		}
	}
	const position = "MSG_BAD at Bundle.entry[3].resource.birthDate"
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   error // nil, or the expected Unavailable or Refused without its cause
	}{
		{"200 with all entries applied", fhir(200, entries("201 Created", "200 OK", "204")), nil},
		{"200 without body", fhir(200, ""), nil},
		{"204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, nil},
		{"202 with information", fhir(202, `{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational"}]}`), nil},
		{"200 with an error outcome", fhir(200, outcome("processing")), &upstream.Refused{Status: 200, Code: "processing", Detail: position}},
		{"200 with a failing entry", fhir(200, entries("201", "422 Unprocessable")), &upstream.Refused{Status: 422, Code: "http_422", Detail: "entry 1"}},
		{"200 with a busy entry", fhir(200, entries("201", "503")), &upstream.Unavailable{Code: "http_503"}},
		{"200 with an entry that explains", fhir(200, `{"resourceType":"Bundle","entry":[{"response":{"status":"400","outcome":`+outcome("value")+`}}]}`), &upstream.Refused{Status: 400, Code: "value", Detail: "entry 0 " + position}},
		{"200 with an entry without status", fhir(200, `{"resourceType":"Bundle","entry":[{}]}`), &upstream.Refused{Code: "no_status", Detail: "entry 0 of the answer has no status"}},
		{"200 with an empty status", fhir(200, entries("")), &upstream.Refused{Code: "no_status", Detail: "entry 0 of the answer has no status"}},
		{"200 from a log-in page", html(200), &upstream.Unavailable{Code: "not_fhir"}},
		{"200 with torn JSON", fhir(200, `{"resourceType":"Bundle","entry":[`), &upstream.Unavailable{Code: "not_fhir"}},
		{"302", fhir(302, "", "Location", "/elsewhere"), &upstream.Unavailable{Code: "redirect"}},
		{"307", fhir(307, "", "Location", "/elsewhere"), &upstream.Unavailable{Code: "redirect"}},
		{"400", fhir(400, outcome("structure")), &upstream.Refused{Status: 400, Code: "structure", Detail: position}},
		{"401", fhir(401, outcome("login")), &upstream.Unavailable{Code: "http_401"}},
		{"403", fhir(403, outcome("forbidden")), &upstream.Unavailable{Code: "http_403"}},
		{"404 of a FHIR server", fhir(404, outcome("not-found")), &upstream.Refused{Status: 404, Code: "not-found", Detail: position}},
		{"404 of something else", html(404), &upstream.Unavailable{Code: "http_404"}},
		{"405 of something else", html(405), &upstream.Unavailable{Code: "http_405"}},
		{"408", fhir(408, ""), &upstream.Unavailable{Code: "http_408"}},
		{"409", fhir(409, outcome("conflict")), &upstream.Refused{Status: 409, Code: "conflict", Detail: position}},
		{"410", fhir(410, outcome("deleted")), &upstream.Refused{Status: 410, Code: "deleted", Detail: position}},
		{"412", fhir(412, outcome("duplicate")), &upstream.Refused{Status: 412, Code: "duplicate", Detail: position}},
		{"413 of a proxy", html(413), &upstream.Refused{Status: 413, Code: "http_413"}},
		{"415", fhir(415, ""), &upstream.Refused{Status: 415, Code: "http_415"}},
		{"422 with an uncoded code", fhir(422, outcome("patient 110105194912310021")), &upstream.Refused{Status: 422, Code: "refused", Detail: position}},
		{"425", fhir(425, ""), &upstream.Unavailable{Code: "http_425"}},
		{"429 with seconds", fhir(429, "", "Retry-After", "17"), &upstream.Unavailable{Code: "http_429", RetryAfter: 17 * time.Second}},
		{"500", fhir(500, outcome("exception")), &upstream.Unavailable{Code: "http_500"}},
		{"503 with seconds", fhir(503, "", "Retry-After", "120"), &upstream.Unavailable{Code: "http_503", RetryAfter: 2 * time.Minute}},
		{"503 that asks for a year", fhir(503, "", "Retry-After", "31536000"), &upstream.Unavailable{Code: "http_503", RetryAfter: maxRetryAfter}},
		{"503 with nonsense", fhir(503, "", "Retry-After", "soon"), &upstream.Unavailable{Code: "http_503"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, Config{URL: serve(t, tt.answer)})
			check(t, c.Deliver(t.Context(), request()), tt.want)
		})
	}
}

// check compares without the cause, and makes sure no free text came through.
func check(t *testing.T, got, want error) {
	t.Helper()
	if got != nil && (strings.Contains(got.Error(), "SECRET") || strings.Contains(got.Error(), "http://")) {
		t.Errorf("the error tells too much: %v", got)
	}
	var down *upstream.Unavailable
	var refused *upstream.Refused
	var wantDown *upstream.Unavailable
	var wantRefused *upstream.Refused
	switch {
	case want == nil:
		if got != nil {
			t.Errorf("got %v, want delivered", got)
		}
	case errors.As(want, &wantDown):
		if !errors.As(got, &down) || down.Code != wantDown.Code || down.RetryAfter != wantDown.RetryAfter || down.Err == nil {
			t.Errorf("got %#v, want unavailable %s after %v", got, wantDown.Code, wantDown.RetryAfter)
		}
	case errors.As(want, &wantRefused):
		if !errors.As(got, &refused) || *refused != *wantRefused {
			t.Errorf("got %#v, want %#v", got, wantRefused)
		}
	}
}

func TestRequestOnTheWire(t *testing.T) {
	var got *http.Request
	var body []byte
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusOK)
	})
	r := request()
	if err := newClient(t, Config{URL: url + "/fhir"}).Deliver(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got.Method != http.MethodPost || got.URL.String() != "/fhir" || string(body) != string(r.Body) {
		t.Errorf("%s %s with %d bytes", got.Method, got.URL, len(body))
	}
	for name, want := range map[string]string{
		"Content-Type": "application/fhir+json", "Accept": "application/fhir+json", "Prefer": "return=minimal",
		"Idempotency-Key": "key-1", "X-Request-Id": "key-1", "Cardferry-Lane": "aa,bb", "Cardferry-Class": "live",
		"Cardferry-Gap": "lane=aa;count=2;first=3;last=7", "Authorization": "",
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
}

func TestConflictIsTriedAgain(t *testing.T) {
	var n atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) < conflictRetries {
			fhir(409, outcome("conflict"))(w, r)
		}
	})
	if err := newClient(t, Config{URL: url}).Deliver(t.Context(), request()); err != nil || n.Load() != conflictRetries {
		t.Errorf("%v after %d attempts", err, n.Load())
	}
}

func TestTokenIsReadAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old")
	var n atomic.Int32
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		if r.Header.Get("Authorization") != "Bearer new" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	c := newClient(t, Config{URL: url, TokenFile: file})
	check(t, c.Deliver(t.Context(), request()), &upstream.Unavailable{Code: "http_401"})
	if n.Load() != 1 {
		t.Errorf("the same token was shown %d times", n.Load())
	}
	write("new")
	if err := c.Deliver(t.Context(), request()); err != nil {
		t.Errorf("after renewal: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	check(t, c.Deliver(t.Context(), request()), &upstream.Unavailable{Code: "token_file"})
}

// TestBrokenConnections speaks to servers that misbehave below HTTP.
func TestBrokenConnections(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	read := func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) }
	tests := []struct {
		name string
		on   func(net.Conn)
		code string
	}{
		{"hangs before the answer", func(c net.Conn) { read(c); <-release }, "timeout"},
		{"closes without an answer", read, "reset"},
		{"resets", func(c net.Conn) { read(c); _ = c.(*net.TCPConn).SetLinger(0) }, "reset"},
		{"ends within the body", func(c net.Conn) {
			read(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: 100\r\n\r\n{\"resource")
		}, "reset"},
		{"drips the body", func(c net.Conn) {
			read(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\nContent-Length: 100000\r\n\r\n")
			for tick := time.NewTicker(10 * time.Millisecond); ; {
				select {
				case <-tick.C:
				case <-release:
				}
				if _, err := c.Write([]byte(" ")); err != nil {
					tick.Stop()
					return
				}
			}
		}, "timeout"},
		{"speaks no HTTP", func(c net.Conn) { read(c); _, _ = io.WriteString(c, "\x0bMSH|^~\\&|\x1c\r") }, "reset"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						defer conn.Close()
						tt.on(conn)
					}()
				}
			}()
			t.Cleanup(func() { _ = l.Close(); <-ended })
			c := newClient(t, Config{URL: "http://" + l.Addr().String(), Timeout: 150 * time.Millisecond})
			check(t, c.Deliver(t.Context(), request()), &upstream.Unavailable{Code: tt.code})
		})
	}
	t.Run("nobody listens", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		_ = l.Close()
		check(t, newClient(t, Config{URL: "http://" + addr}).Deliver(t.Context(), request()), &upstream.Unavailable{Code: "connect"})
	})
	t.Run("the caller gives up", func(t *testing.T) {
		url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := newClient(t, Config{URL: url}).Deliver(ctx, request()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("endless answer", func(t *testing.T) {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/fhir+json")
			for b := make([]byte, 1<<20); ; {
				if _, err := w.Write(b); err != nil {
					return
				}
			}
		})
		err := newClient(t, Config{URL: url}).Deliver(t.Context(), request())
		var refused *upstream.Refused
		if !errors.As(err, &refused) || refused.Code != "answer_too_long" {
			t.Errorf("got %v", err)
		}
	})
}

func TestMutualTLS(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) != 1 {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// The test server's own certificate serves as ours, too.
	key, err := x509.MarshalPKCS8PrivateKey(srv.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert := write("cert.pem", "CERTIFICATE", srv.Certificate().Raw)
	keyFile := write("key.pem", "PRIVATE KEY", key)

	if err := newClient(t, Config{URL: srv.URL, CAFile: cert, CertFile: cert, KeyFile: keyFile}).Deliver(t.Context(), request()); err != nil {
		t.Errorf("with certificate: %v", err)
	}
	check(t, newClient(t, Config{URL: srv.URL, CertFile: cert, KeyFile: keyFile}).Deliver(t.Context(), request()), &upstream.Unavailable{Code: "tls"})
	if err := newClient(t, Config{URL: srv.URL, CAFile: cert}).Deliver(t.Context(), request()); err == nil {
		t.Error("delivered without a client certificate")
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		c    Config
		ok   bool
	}{
		{"https", Config{URL: "https://platform.example.org/fhir"}, true},
		{"http on loopback", Config{URL: "http://127.0.0.1:8080/fhir"}, true},
		{"http on IPv6 loopback", Config{URL: "http://[::1]:8080/fhir"}, true},
		{"http across the network", Config{URL: "http://platform.example.org/fhir"}, false},
		{"no host", Config{URL: "platform"}, false},
		{"a password", Config{URL: "https://u:p@platform.example.org"}, false},
		{"a query", Config{URL: "https://platform.example.org/fhir?x=1"}, false},
		{"another scheme", Config{URL: "ftp://platform.example.org"}, false},
		{"no token in the file", Config{URL: "https://x.example.org", TokenFile: empty}, false},
		{"no token file", Config{URL: "https://x.example.org", TokenFile: empty + "x"}, false},
		{"no certificate in ca_file", Config{URL: "https://x.example.org", CAFile: empty}, false},
		{"no client certificate", Config{URL: "https://x.example.org", CertFile: empty, KeyFile: empty}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := New(tt.c)
			if (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
			if c != nil {
				c.Close()
			}
		})
	}
}

func FuzzJudge(f *testing.F) {
	for _, body := range []string{outcome("value"), entries("200", "201"), entries("5"), `{"resourceType":"Bundle","entry":[{"response":{"status":"400","outcome":null}}]}`, `{`, ``} {
		f.Add(200, body)
		f.Add(422, body)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		resp := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/fhir+json"}}}
		err := judge(resp, []byte(body))
		var refused *upstream.Refused
		if errors.As(err, &refused) && (len(refused.Detail) > 400 || strings.ContainsAny(refused.Code, " \n'\"")) {
			t.Errorf("refusal keeps %q %q", refused.Code, refused.Detail)
		}
		if err == nil && (status < 200 || status > 299) {
			t.Errorf("status %d counts as delivered", status)
		}
		_ = fmt.Sprint(err)
	})
}
