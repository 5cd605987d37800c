package desk

import (
	"encoding/json"
	"errors"
	"net/http"
)

// problemCode is the stable name of a problem; clients decide by it.
type problemCode string

// The problems this API answers with. Their texts are in texts/*.json.
const (
	codeHostNotAllowed   problemCode = "host_not_allowed"
	codeOriginNotAllowed problemCode = "origin_not_allowed"
	codeCrossSiteRefused problemCode = "cross_site_refused"
	codeNotFound         problemCode = "not_found"
	codeMethodNotAllowed problemCode = "method_not_allowed"
	codeBodyTooLarge     problemCode = "body_too_large"
	codeBodyInvalid      problemCode = "body_invalid"
	codeContentType      problemCode = "content_type_unsupported"
	codeCursorInvalid    problemCode = "cursor_invalid"
	codeWaitInvalid      problemCode = "wait_invalid"
	codeReadUnknown      problemCode = "read_unknown"
	codeReadExpired      problemCode = "read_expired"
	codeStreamsBusy      problemCode = "too_many_streams"
	codeShuttingDown     problemCode = "shutting_down"
	codeSimulatorOff     problemCode = "simulator_off"
	codeSimulatedUnknown problemCode = "simulated_unknown"
	codeSimulatorRefused problemCode = "simulator_refused"
	codePromptGone       problemCode = "prompt_gone"
	codeInternal         problemCode = "internal"
)

// problemStatus is the HTTP status of each problem, and the list of all of them.
var problemStatus = map[problemCode]int{
	codeHostNotAllowed:   http.StatusForbidden,
	codeOriginNotAllowed: http.StatusForbidden,
	codeCrossSiteRefused: http.StatusForbidden,
	codeNotFound:         http.StatusNotFound,
	codeMethodNotAllowed: http.StatusMethodNotAllowed,
	codeBodyTooLarge:     http.StatusRequestEntityTooLarge,
	codeBodyInvalid:      http.StatusBadRequest,
	codeContentType:      http.StatusUnsupportedMediaType,
	codeCursorInvalid:    http.StatusBadRequest,
	codeWaitInvalid:      http.StatusBadRequest,
	codeReadUnknown:      http.StatusNotFound,
	codeReadExpired:      http.StatusGone,
	codeStreamsBusy:      http.StatusServiceUnavailable,
	codeShuttingDown:     http.StatusServiceUnavailable,
	codeSimulatorOff:     http.StatusNotFound,
	codeSimulatedUnknown: http.StatusNotFound,
	codeSimulatorRefused: http.StatusConflict,
	codePromptGone:       http.StatusGone,
	codeInternal:         http.StatusInternalServerError,
}

// problem is a problemCode as an error.
type problem problemCode

func (p problem) Error() string { return string(p) }

// problemDocument is an RFC 9457 problem document.
type problemDocument struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Code is the stable name, Hint what to do about it.
	Code problemCode `json:"code"`
	Hint string      `json:"hint"`
}

// retryAfter is what a client is told to wait when the desk is full or ending,
// in seconds.
const retryAfter = "2"

// writeProblem answers with err as a problem document in the asked language.
// Errors that are not problems are "internal" and told to nobody.
func (d *Desk) writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	code := codeInternal
	var p problem
	if errors.As(err, &p) {
		code = problemCode(p)
	}
	status := problemStatus[code]
	language, text := d.texts.forRequest(r)
	key := "problem." + string(code)
	body, err := json.Marshal(problemDocument{
		Type:   "urn:cardferry:problem:" + string(code),
		Title:  text[key+".title"],
		Status: status,
		Detail: text[key+".detail"],
		Code:   code,
		Hint:   text[key+".hint"],
	})
	if err != nil { // cannot happen: the document is strings
		http.Error(w, string(code), status)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Language", language)
	if status == http.StatusServiceUnavailable {
		h.Set("Retry-After", retryAfter)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone
}

// writeJSON answers 200 with v. It marshals before it writes, so that an error
// can still become a problem document.
func writeJSON(w http.ResponseWriter, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // the client may have gone
	return nil
}
