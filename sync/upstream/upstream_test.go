package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestRequestMasksItsBody(t *testing.T) {
	r := Request{Key: "k1", Kind: "hl7v2", Body: []byte("SECRET")}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("deliver", "request", r)
	for name, text := range map[string]string{"slog": log.String(), "%v": fmt.Sprintf("%v", r), "%+v": fmt.Sprintf("%+v", r), "%#v": fmt.Sprintf("%#v", r)} {
		if strings.Contains(text, "SECRET") || !strings.Contains(text, "k1") {
			t.Errorf("%s shows %q", name, text)
		}
	}
}

func TestUnavailableKeepsItsCause(t *testing.T) {
	var err error = &Unavailable{Code: "reset", RetryAfter: time.Second, Err: io.ErrUnexpectedEOF}
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "reset") {
		t.Errorf("got %v", err)
	}
}
