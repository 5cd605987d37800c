package fhirhttp

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cardferry/sync/upstream"
)

// maxRetryAfter bounds how long a server can silence us with one answer.
const maxRetryAfter = time.Hour

// answer is what matters of a response: a Bundle's entries or an
// OperationOutcome's issues (http://hl7.org/fhir/R4/operationoutcome.html). Free
// text (diagnostics, details.text) is not even decoded: it may quote a patient.
type answer struct {
	ResourceType string  `json:"resourceType"`
	Issue        []issue `json:"issue"`
	Entry        []struct {
		Response *struct {
			Status  string  `json:"status"`
			Outcome *answer `json:"outcome"`
		} `json:"response"`
	} `json:"entry"`
}

type issue struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Details  struct {
		Coding []struct {
			Code string `json:"code"`
		} `json:"coding"`
	} `json:"details"`
	Expression []string `json:"expression"`
	Location   []string `json:"location"`
}

// judge decides what an HTTP answer means for the item.
func judge(resp *http.Response, body []byte) error {
	if len(body) > maxResponse {
		return &upstream.Refused{Status: resp.StatusCode, Code: "answer_too_long", Detail: fmt.Sprintf("the answer exceeds %d bytes, so it cannot be checked", maxResponse)}
	}
	a, fhir := parse(resp, body)
	if status := resp.StatusCode; status < 200 || status > 299 {
		return verdict(status, a, fhir, retryAfter(resp.Header))
	}
	switch {
	case len(body) == 0:
		return nil // Prefer: return=minimal taken at its word
	case !fhir:
		// A log-in page of a proxy also says 200.
		return &upstream.Unavailable{Code: "not_fhir", Err: errors.New("the answer is not FHIR JSON; check the url and what stands between")}
	case a.ResourceType == "OperationOutcome":
		if i := a.worst(); i != nil {
			return &upstream.Refused{Status: resp.StatusCode, Code: i.code(), Detail: i.detail()}
		}
	case a.ResourceType == "Bundle":
		return a.entries()
	}
	return nil
}

func parse(resp *http.Response, body []byte) (a answer, fhir bool) {
	media, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || (media != "application/fhir+json" && media != "application/json" && media != "text/json") {
		return a, false
	}
	err = json.Unmarshal(body, &a)
	return a, err == nil && a.ResourceType != ""
}

// entries requires 2xx of every entry.
func (a *answer) entries() error {
	for n, e := range a.Entry {
		if e.Response == nil {
			return &upstream.Refused{Code: "no_status", Detail: fmt.Sprintf("entry %d of the answer has no status", n)}
		}
		status, err := strconv.Atoi(strings.TrimSpace(e.Response.Status[:min(3, len(e.Response.Status))]))
		if err != nil {
			return &upstream.Refused{Code: "no_status", Detail: fmt.Sprintf("entry %d of the answer has no status", n)}
		}
		if status >= 200 && status <= 299 {
			continue
		}
		outcome := e.Response.Outcome
		if outcome == nil {
			outcome = &answer{}
		}
		err = verdict(status, *outcome, true, 0)
		var refused *upstream.Refused
		if errors.As(err, &refused) {
			refused.Detail = strings.TrimSpace(fmt.Sprintf("entry %d %s", n, refused.Detail))
		}
		return err
	}
	return nil
}

// verdict sorts a status that is not 2xx. What lies with the connection, with
// permissions or with load is unavailability: it says nothing about the item.
func verdict(status int, a answer, fhir bool, after time.Duration) error {
	unavailable := func(code, remedy string) error {
		return &upstream.Unavailable{Code: code, RetryAfter: after, Err: errors.New(remedy)}
	}
	code := "http_" + strconv.Itoa(status)
	switch {
	case status == http.StatusUnauthorized:
		return unavailable(code, "the server does not accept our token or certificate; renew it")
	case status == http.StatusForbidden:
		return unavailable(code, "the server does not let us write; ask its operator for permission")
	case status >= 300 && status <= 399:
		return unavailable("redirect", "the server wants us elsewhere; put the final address in the configuration")
	case (status == http.StatusNotFound || status == http.StatusMethodNotAllowed) && !fhir:
		return unavailable(code, "there is no FHIR server at the url; check it")
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		return unavailable(code, "the server cannot take it now")
	}
	refused := &upstream.Refused{Status: status, Code: code}
	if i := a.worst(); i != nil {
		refused.Code, refused.Detail = i.code(), i.detail()
	}
	return refused
}

// worst returns the first issue that is an error.
func (a *answer) worst() *issue {
	for n := range a.Issue {
		if s := a.Issue[n].Severity; s == "error" || s == "fatal" {
			return &a.Issue[n]
		}
	}
	return nil
}

func (i *issue) code() string {
	if coded(i.Code) {
		return i.Code
	}
	return "refused"
}

// detail keeps what is coded: the detail code and where in the Bundle.
func (i *issue) detail() string {
	var parts []string
	for _, c := range i.Details.Coding {
		if coded(c.Code) {
			parts = append(parts, c.Code)
			break
		}
	}
	for _, at := range append(i.Expression, i.Location...) {
		if coded(at) {
			parts = append(parts, "at "+at)
			break
		}
	}
	return strings.Join(parts, " ")
}

// coded reports whether a text of the server is surely a code or a path: it
// begins with a letter, has no blanks or quotes and no long run of digits that
// could be somebody's number.
func coded(s string) bool {
	if s == "" || len(s) > 128 || (s[0]|0x20 < 'a' || s[0]|0x20 > 'z') {
		return false
	}
	digits := 0
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			if digits++; digits > 5 {
				return false
			}
			continue
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', strings.ContainsRune("_-.[]()", r):
		default:
			return false
		}
		digits = 0
	}
	return true
}

// retryAfter reads the header as seconds or as an HTTP date (RFC 9110 10.2.3).
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	var d time.Duration
	if secs, err := strconv.ParseUint(v, 10, 31); err == nil {
		d = time.Duration(secs) * time.Second
	} else if at, err := http.ParseTime(v); err == nil {
		d = time.Until(at)
	}
	return min(max(d, 0), maxRetryAfter)
}
