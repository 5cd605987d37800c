package ingest

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cardferry/hl7/fhir/r4"
	"cardferry/sync/upstream/repository"
)

// Limits of one search: resources in the answer, bytes of the form.
const (
	maxFound = 100
	maxForm  = 8 << 10
)

// readable answers false, with the reason, unless this machine keeps resources
// and the caller proved who it is.
func (s *server) readable(w http.ResponseWriter) bool {
	switch {
	case s.Repository == nil:
		s.fail(w, http.StatusNotFound, "not-supported", "this gateway passes resources on and keeps none to read")
	case s.Token == "":
		s.fail(w, http.StatusForbidden, "forbidden", "reading needs ingest.token_file to be set")
	default:
		return true
	}
	return false
}

func (s *server) metadata(w http.ResponseWriter, _ *http.Request) {
	s.write(w, http.StatusOK, map[string]any{
		"resourceType": "CapabilityStatement", "status": "active", "kind": "instance", "fhirVersion": "4.0.1",
		"date":           s.started.UTC().Format(time.RFC3339),
		"format":         []string{"json"},
		"implementation": map[string]string{"description": "cardferry"},
		"rest": []any{map[string]any{"mode": "server",
			"interaction": []any{map[string]string{"code": "transaction"}}}},
	})
}

func (s *server) read(w http.ResponseWriter, r *http.Request) {
	if !s.readable(w) {
		return
	}
	typ, id := r.PathValue("type"), r.PathValue("id")
	var res repository.Resource
	var err error
	if v := r.PathValue("version"); v != "" {
		var n uint64
		if n, err = strconv.ParseUint(v, 10, 64); err != nil {
			s.fail(w, http.StatusBadRequest, "value", "a version is a number")
			return
		}
		res, err = s.Repository.Version(typ, id, n)
	} else {
		res, err = s.Repository.Read(typ, id)
	}
	switch {
	case errors.Is(err, repository.ErrNotFound):
		s.fail(w, http.StatusNotFound, "not-found", "no such resource")
	case err != nil:
		s.Logger.Error("resource cannot be read", "error", err)
		s.fail(w, http.StatusInternalServerError, "exception", "the resource cannot be read")
	case res.Deleted:
		s.fail(w, http.StatusGone, "deleted", "the resource was deleted")
	default:
		w.Header().Set("ETag", `W/"`+strconv.FormatUint(res.Version, 10)+`"`)
		s.Received(http.StatusOK)
		s.send(w, http.StatusOK, res.JSON)
	}
}

// count answers GET Type?_summary=count. A search by identifier is a POST, so that
// no patient's number stands in a URL.
func (s *server) count(w http.ResponseWriter, r *http.Request) {
	if !s.readable(w) {
		return
	}
	if q := r.URL.Query(); q.Get("_summary") != "count" || len(q) != 1 {
		s.fail(w, http.StatusBadRequest, "not-supported", "count with _summary=count; search with POST Type/_search, so that no identifier stands in a URL")
		return
	}
	counts, err := s.Repository.Counts()
	if err != nil {
		s.Logger.Error("count failed", "error", err)
		s.fail(w, http.StatusInternalServerError, "exception", "the resources cannot be counted")
		return
	}
	n := counts[r.PathValue("type")]
	s.write(w, http.StatusOK, r4.Bundle{ResourceType: "Bundle", Type: "searchset", Total: &n})
}

// search answers POST Type/_search with identifier=system|value in the form body
// (FHIR R4, RESTful API, 3.1.0.9).
func (s *server) search(w http.ResponseWriter, r *http.Request) {
	if !s.readable(w) {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		s.fail(w, http.StatusBadRequest, "structure", "send a form: identifier=system|value")
		return
	}
	ident := r.PostForm.Get("identifier")
	if ident == "" || len(r.PostForm) != 1 || r.URL.RawQuery != "" {
		s.fail(w, http.StatusBadRequest, "not-supported", "search by identifier=system|value in the form body")
		return
	}
	system, value, ok := strings.Cut(ident, "|")
	if !ok {
		system, value = "", system
	}
	found, err := s.Repository.Search(r.PathValue("type"), system, value, maxFound)
	if err != nil {
		s.Logger.Error("search failed", "error", err)
		s.fail(w, http.StatusInternalServerError, "exception", "the search failed")
		return
	}
	n := len(found)
	answer := r4.Bundle{ResourceType: "Bundle", Type: "searchset", Total: &n}
	for _, res := range found {
		answer.Entry = append(answer.Entry, r4.BundleEntry{FullURL: res.Type + "/" + res.ID, Resource: json.RawMessage(res.JSON)})
	}
	s.write(w, http.StatusOK, answer)
}
