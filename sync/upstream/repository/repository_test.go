package repository

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	bolt "go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"cardferry/sync/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, path string) *Repository {
	t.Helper()
	block, err := aes.NewCipher(bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Open(path, seal, []byte("index key"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func bundle(entries ...string) []byte {
	return []byte(`{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(entries, ",") + `]}`)
}

func put(typ, id, more string) string {
	return fmt.Sprintf(`{"fullUrl":"urn:uuid:%s","resource":{"resourceType":%q%s},"request":{"method":"PUT","url":"%s/%s"}}`, id, typ, more, typ, id)
}

func deliver(t testing.TB, r *Repository, key string, body []byte) error {
	t.Helper()
	return r.Deliver(context.Background(), upstream.Request{Key: key, Body: body})
}

// applied counts the idempotency keys that took effect.
func applied(t *testing.T, r *Repository) (n int) {
	t.Helper()
	if err := r.db.View(func(tx *bolt.Tx) error {
		n = tx.Bucket(bApplied).Stats().KeyN
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestATransactionTakesEffectOnce(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "r.db"))
	for range 3 {
		if err := deliver(t, r, "k1", bundle(put("Patient", "p1", `,"gender":"male"`))); err != nil {
			t.Fatal(err)
		}
	}
	if err := deliver(t, r, "k2", bundle(put("Patient", "p1", `,"gender":"female"`))); err != nil {
		t.Fatal(err)
	}
	if err := deliver(t, r, "k1", bundle(put("Patient", "p1", `,"gender":"male"`))); err != nil {
		t.Fatal(err)
	}
	got, err := r.Read("Patient", "p1")
	if err != nil || got.Version != 2 || !strings.Contains(string(got.JSON), `"female"`) {
		t.Errorf("version %d, %v: a repeated key changed something", got.Version, err)
	}
	if n := applied(t, r); n != 2 {
		t.Errorf("%d transactions counted, want 2", n)
	}
	first, err := r.Version("Patient", "p1", 1)
	if err != nil || !strings.Contains(string(first.JSON), `"male"`) {
		t.Errorf("the former version is gone: %v", err)
	}
}

func TestEqualContentMakesNoVersion(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "r.db"))
	for _, key := range []string{"a", "b"} {
		if err := deliver(t, r, key, bundle(put("Patient", "p1", `,"gender":"male"`))); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := r.Read("Patient", "p1"); got.Version != 1 {
		t.Errorf("version %d, want 1", got.Version)
	}
}

func TestAMentionNeverReplacesWhatIsKnown(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "r.db"))
	const tag = `,"meta":{"tag":[{"system":"urn:cardferry:tag","code":"partial"}]}`
	for i, b := range []string{
		put("Patient", "p1", tag+`,"gender":"male"`),      // first seen in a result
		put("Patient", "p1", `,"birthDate":"1980-02-29"`), // then admitted: replaces
		put("Patient", "p1", tag+`,"gender":"male"`),      // then another result
	} {
		if err := deliver(t, r, fmt.Sprint(i), bundle(b)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := r.Read("Patient", "p1")
	if err != nil || !strings.Contains(string(got.JSON), "1980-02-29") || !strings.Contains(string(got.JSON), `"male"`) || strings.Contains(string(got.JSON), "partial") {
		t.Errorf("%s %v", got.JSON, err)
	}
}

func TestReferencesAndConditions(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "r.db"))
	const ident = `,"identifier":[{"system":"urn:s","value":"42"}]`
	cond := func(method, more string) string {
		url, none := `"Patient?identifier=urn:s|42"`, ""
		if method == "POST" {
			url, none = `"Patient"`, `,"ifNoneExist":"identifier=urn:s|42"`
		}
		return fmt.Sprintf(`{"fullUrl":"urn:uuid:x","resource":{"resourceType":"Patient"%s},"request":{"method":%q,"url":%s%s}}`, ident+more, method, url, none)
	}
	obs := `{"resource":{"resourceType":"Observation","subject":{"reference":"urn:uuid:x"},"valueQuantity":{"value":13.20}},"request":{"method":"POST","url":"Observation"}}`
	for i, b := range [][]byte{bundle(cond("POST", ""), obs), bundle(cond("PUT", `,"gender":"male"`)), bundle(cond("POST", `,"gender":"other"`))} {
		if err := deliver(t, r, fmt.Sprint("k", i), b); err != nil {
			t.Fatalf("bundle %d: %v", i, err)
		}
	}
	found, err := r.Search("Patient", "urn:s", "42", 10)
	if err != nil || len(found) != 1 || found[0].Version != 2 {
		t.Fatalf("conditions made %d patients (%v)", len(found), err)
	}
	o, err := r.Read("Observation", newID("k0", 1))
	if err != nil {
		t.Fatal(err)
	}
	if want := `"reference":"Patient/` + found[0].ID + `"`; !strings.Contains(string(o.JSON), want) {
		t.Errorf("reference not resolved: %s", o.JSON)
	}
	if !strings.Contains(string(o.JSON), "13.20") {
		t.Errorf("the decimal lost a digit: %s", o.JSON)
	}
	counts, _ := r.Counts()
	if counts["Patient"] != 1 || counts["Observation"] != 1 {
		t.Errorf("counts %v", counts)
	}
}

func TestRefusalsChangeNothing(t *testing.T) {
	tests := []struct {
		name, body, want string
		status           int
	}{
		{"not JSON", `{`, "not a JSON Bundle", 400},
		{"not a transaction", `{"resourceType":"Bundle","type":"batch"}`, "type transaction", 422},
		{"no request", `{"resourceType":"Bundle","type":"transaction","entry":[{}]}`, "Bundle.entry[0]: request is missing", 422},
		{"type differs", string(bundle(put("Patient", "p1", ""), `{"resource":{"resourceType":"Patient"},"request":{"method":"PUT","url":"Observation/o"}}`)), "Bundle.entry[1]: resource.resourceType differs", 422},
		{"same resource twice", string(bundle(put("Patient", "p1", ""), put("Patient", "p1", ""))), "Bundle.entry[1]: a second entry", 422},
		{"path traversal", string(bundle(put("Patient", "../x", ""))), "request.url is not", 422},
		{"unsupported method", string(bundle(`{"request":{"method":"GET","url":"Patient/p1"}}`)), "not supported", 422},
		{"unsupported condition", string(bundle(`{"resource":{"resourceType":"Patient"},"request":{"method":"PUT","url":"Patient?name=x"}}`)), "only identifier", 422},
	}
	r := open(t, filepath.Join(t.TempDir(), "r.db"))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := deliver(t, r, "k-"+tt.name, []byte(tt.body))
			var refused *upstream.Refused
			if !errors.As(err, &refused) || refused.Status != tt.status || !strings.Contains(refused.Detail, tt.want) {
				t.Errorf("got %#v, want %d %s", err, tt.status, tt.want)
			}
		})
	}
	if counts, _ := r.Counts(); len(counts) != 0 {
		t.Errorf("something was stored: %v", counts)
	}
}

func TestDeleteAndReadBack(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "r.db"))
	del := `{"request":{"method":"DELETE","url":"Patient/p1"}}`
	for i, b := range []string{put("Patient", "p1", `,"identifier":[{"value":"7"}]`), del, del} {
		if err := deliver(t, r, fmt.Sprint(i), bundle(b)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := r.Read("Patient", "p1")
	if err != nil || !got.Deleted || got.Version != 2 {
		t.Errorf("%+v %v", got, err)
	}
	if found, _ := r.Search("Patient", "", "7", 5); len(found) != 0 {
		t.Error("a deleted resource is still found")
	}
	if _, err := r.Read("Patient", "p2"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown resource: %v", err)
	}
}

func TestConcurrentDeliveriesSurviveReopeningAndLeakNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.db")
	r := open(t, path)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			body := bundle(put("Patient", fmt.Sprint("p", i), `,"identifier":[{"system":"urn:canary","value":"CANARY-VALUE"}],"name":[{"family":"CANARYNAME"}]`))
			if err := deliver(t, r, fmt.Sprint(i), body); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("CANARY")) || bytes.Contains(raw, []byte("urn:canary")) {
		t.Error("plain text is on disk")
	}
	r = open(t, path)
	if counts, _ := r.Counts(); counts["Patient"] != 64 {
		t.Errorf("counts after reopening: %v", counts)
	}
	if n := applied(t, r); n != 64 {
		t.Errorf("%d applied keys are remembered, want 64", n)
	}
}

func TestClosedRepositoryIsUnavailable(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "r.db"))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	var u *upstream.Unavailable
	if err := deliver(t, r, "k", bundle()); !errors.As(err, &u) || !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func FuzzDeliver(f *testing.F) {
	f.Add(string(bundle(put("Patient", "p1", `,"identifier":[{"value":"7"}]`))))
	f.Add(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=|"}}]}`)
	r := open(f, filepath.Join(f.TempDir(), "r.db"))
	n := 0
	f.Fuzz(func(t *testing.T, body string) {
		n++
		err := deliver(t, r, fmt.Sprint(n), []byte(body))
		var refused *upstream.Refused
		if err != nil && !errors.As(err, &refused) {
			t.Fatalf("neither applied nor refused: %v", err)
		}
		if err == nil && !json.Valid([]byte(body)) {
			t.Fatal("invalid JSON was applied")
		}
	})
}

func BenchmarkDeliver(b *testing.B) {
	r := open(b, filepath.Join(b.TempDir(), "r.db"))
	i := 0
	for b.Loop() {
		i++
		if err := deliver(b, r, fmt.Sprint(i), bundle(put("Patient", fmt.Sprint("p", i), `,"gender":"male"`))); err != nil {
			b.Fatal(err)
		}
	}
}
