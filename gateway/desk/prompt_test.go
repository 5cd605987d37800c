package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// asking is a desk with a page that follows it, and one question put to the clerk.
type asking struct {
	*Desk
	url    string
	prompt Prompt
	answer chan string
	failed chan error
}

func ask(ctx context.Context, t *testing.T) *asking {
	t.Helper()
	a := &asking{Desk: New(Config{Name: "reg-1"}), answer: make(chan string, 1), failed: make(chan error, 1)}
	t.Cleanup(a.Close)
	srv := httptest.NewServer(a.Handler())
	t.Cleanup(srv.Close)
	a.url = srv.URL
	a.streams <- struct{}{} // a page follows
	next := func(query string) (batch struct {
		Cursor uint64
		Events []Event
	}) {
		resp, err := http.Get(srv.URL + "/v1/reads/next?" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if err := json.NewDecoder(resp.Body).Decode(&batch); err != nil {
			t.Fatal(err)
		}
		return batch
	}
	end := next("wait=0s")
	go func() {
		answer, err := a.Ask(ctx, Prompt{Reader: "counter", Kind: "can", MaxLength: 6})
		a.answer <- answer
		a.failed <- err
	}()
	batch := next(fmt.Sprintf("after=%d&wait=10s", end.Cursor))
	if len(batch.Events) != 1 || batch.Events[0].Type != PromptOpened {
		t.Fatalf("%+v", batch)
	}
	a.prompt = *batch.Events[0].Prompt
	return a
}

func (a *asking) post(t *testing.T, id, body string) int {
	t.Helper()
	resp, err := http.Post(a.url+"/v1/prompts/"+id, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, _ := io.ReadAll(resp.Body)
	if strings.Contains(string(text), "123456") {
		t.Error("the answer to the answer repeats it")
	}
	return resp.StatusCode
}

func TestClerkAnswersACard(t *testing.T) {
	tests := []struct {
		name, body string
		status     int
		answer     string
		err        error
	}{
		{"typed", `{"answer":" 123456 "}`, 200, "123456", nil},
		{"goes on without", `{"decline":true}`, 200, "", ErrPromptDeclined},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := ask(t.Context(), t)
			if a.prompt.Reader != "counter" || a.prompt.Kind != "can" || a.prompt.MaxLength != 6 || len(a.prompts.list()) != 1 {
				t.Errorf("asked %+v", a.prompt)
			}
			for _, bad := range []string{`{"answer":""}`, `{"answer":"1234567"}`, `{}`, `[]`} {
				if got := a.post(t, a.prompt.ID, bad); got != http.StatusBadRequest {
					t.Errorf("%s: %d", bad, got)
				}
			}
			if got := a.post(t, "nobody", tt.body); got != http.StatusGone {
				t.Errorf("another question: %d", got)
			}
			if got := a.post(t, a.prompt.ID, tt.body); got != tt.status {
				t.Errorf("status %d", got)
			}
			if got, err := <-a.answer, <-a.failed; got != tt.answer || !errors.Is(err, tt.err) {
				t.Errorf("answer %q, %v", got, err)
			}
			if got := a.post(t, a.prompt.ID, tt.body); got != http.StatusGone || len(a.prompts.list()) != 0 {
				t.Errorf("answered twice: %d", got)
			}
		})
	}
}

func TestQuestionEndsWithTheCard(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := ask(ctx, t)
	cancel()
	if _, err := <-a.answer, <-a.failed; !errors.Is(err, context.Canceled) || len(a.prompts.list()) != 0 {
		t.Errorf("%v", err)
	}
}

func TestQuestionEndsWithTheDesk(t *testing.T) {
	a := ask(t.Context(), t)
	a.Close()
	if _, err := <-a.answer, <-a.failed; !errors.Is(err, ErrNoClerk) {
		t.Errorf("%v", err)
	}
}

func TestNobodyIsAskedWhereNoPageIsOpen(t *testing.T) {
	d := New(Config{})
	defer d.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := d.Ask(ctx, Prompt{Kind: "can"}); !errors.Is(err, ErrNoClerk) {
		t.Errorf("%v", err)
	}
}
