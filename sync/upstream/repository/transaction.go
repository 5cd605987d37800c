package repository

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"cardferry/hl7/fhir/r4"
	"cardferry/sync/upstream"
)

// Limits of one transaction.
const (
	maxEntries = 10_000
	maxDepth   = 64
)

// transaction is a Bundle taken apart: what is to be done, in Bundle order.
type transaction struct {
	key     string
	entries []entry
}

type entry struct {
	fullURL  string
	method   string
	typ      string
	id       string // empty for POST and conditional updates
	system   string // of the condition, with value
	value    string
	cond     bool
	resource map[string]any
}

var (
	typeName   = regexp.MustCompile(`^[A-Z][A-Za-z]{1,63}$`)
	resourceID = regexp.MustCompile(`^[A-Za-z0-9\-.]{1,64}$`) // FHIR R4 id
)

func refuse(status int, code, format string, args ...any) error {
	return &upstream.Refused{Status: status, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// parse reads a transaction Bundle; errors name the entry, never a value.
func parse(req upstream.Request) (transaction, error) {
	if req.Key == "" {
		return transaction{}, refuse(http.StatusBadRequest, "required", "the idempotency key is missing")
	}
	var b r4.Bundle
	if err := json.Unmarshal(req.Body, &b); err != nil {
		return transaction{}, refuse(http.StatusBadRequest, "structure", "the body is not a JSON Bundle")
	}
	if b.ResourceType != "Bundle" || b.Type != "transaction" {
		return transaction{}, refuse(http.StatusUnprocessableEntity, "value", "expected a Bundle of type transaction")
	}
	if len(b.Entry) > maxEntries {
		return transaction{}, refuse(http.StatusRequestEntityTooLarge, "too-long", "more than %d entries", maxEntries)
	}
	tx := transaction{key: req.Key}
	for i, e := range b.Entry {
		parsed, err := parseEntry(e)
		if err != nil {
			return transaction{}, refuse(http.StatusUnprocessableEntity, "invalid", "Bundle.entry[%d]: %v", i, err)
		}
		tx.entries = append(tx.entries, parsed)
	}
	return tx, nil
}

func parseEntry(be r4.BundleEntry) (entry, error) {
	if be.Request == nil {
		return entry{}, fmt.Errorf("request is missing")
	}
	e := entry{fullURL: be.FullURL, method: be.Request.Method}
	path, query, hasQuery := strings.Cut(be.Request.URL, "?")
	e.typ, e.id, _ = strings.Cut(path, "/")
	if !typeName.MatchString(e.typ) || (e.id != "" && !resourceID.MatchString(e.id)) {
		return entry{}, fmt.Errorf("request.url is not Type or Type/id")
	}
	if e.method == http.MethodPost && be.Request.IfNoneExist != "" {
		query, hasQuery = be.Request.IfNoneExist, true
	}
	if hasQuery {
		q, err := url.ParseQuery(query)
		if err != nil || len(q) != 1 || q.Get("identifier") == "" {
			return entry{}, fmt.Errorf("only identifier=system|value is supported as a condition")
		}
		e.cond = true
		var ok bool
		if e.system, e.value, ok = strings.Cut(q.Get("identifier"), "|"); !ok {
			e.system, e.value = "", e.system
		}
	}
	switch {
	case e.method == http.MethodDelete && e.id != "":
		return e, nil
	case e.method == http.MethodPut && (e.id != "") != e.cond, e.method == http.MethodPost && e.id == "":
	default:
		return entry{}, fmt.Errorf("request %s is not supported with this URL", strings.ToUpper(e.method))
	}
	d := json.NewDecoder(bytes.NewReader(be.Resource))
	d.UseNumber() // decimals keep their digits
	if err := d.Decode(&e.resource); err != nil {
		return entry{}, fmt.Errorf("resource is not a JSON object")
	}
	if e.resource["resourceType"] != e.typ {
		return entry{}, fmt.Errorf("resource.resourceType differs from request.url")
	}
	if depth(e.resource) > maxDepth {
		return entry{}, fmt.Errorf("resource is nested more than %d deep", maxDepth)
	}
	return e, nil
}

func depth(v any) int {
	deepest := 0
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			deepest = max(deepest, depth(x))
		}
	case []any:
		for _, x := range v {
			deepest = max(deepest, depth(x))
		}
	default:
		return 0
	}
	return deepest + 1
}

// newID derives the id of a created resource from the transaction, so that the
// same transaction creates the same resource whenever it is applied.
func newID(key string, index int) string {
	h := sha256.Sum256(fmt.Appendf(nil, "%s#%d", key, index))
	return hex.EncodeToString(h[:16])
}

// rewrite replaces references to entries of the Bundle by their final place.
func rewrite(v any, places map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["reference"].(string); ok {
			if place := places[ref]; place != "" {
				v["reference"] = place
			}
		}
		for _, x := range v {
			rewrite(x, places)
		}
	case []any:
		for _, x := range v {
			rewrite(x, places)
		}
	}
}

// identifiers lists the (system, value) pairs of a resource's own identifiers.
func identifiers(resource map[string]any) [][2]string {
	var out [][2]string
	add := func(v any) {
		m, _ := v.(map[string]any)
		value, _ := m["value"].(string)
		system, _ := m["system"].(string)
		if value != "" {
			out = append(out, [2]string{system, value})
		}
	}
	switch v := resource["identifier"].(type) {
	case []any:
		for _, x := range v {
			add(x)
		}
	case map[string]any:
		add(v)
	}
	return out
}
