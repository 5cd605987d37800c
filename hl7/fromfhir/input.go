package fromfhir

import (
	"bytes"
	"encoding/json"
	"strings"

	"cardferry/hl7/fhir/r4"
)

// input is the resources of a Bundle, or one resource, with what they contain.
type input struct {
	resources []raw
	byURL     map[string]int       // fullUrl and Type/id
	contained map[containedKey]int // contained resources by their container
}

type containedKey struct {
	in int
	id string
}

// raw is a resource that is not decoded yet.
type raw struct {
	ResourceType string
	ID           string
	parent       int // container of a contained resource, -1 for others
	json         json.RawMessage
}

// head is what every resource may have.
type head struct {
	ResourceType string          `json:"resourceType"`
	ID           string          `json:"id"`
	Meta         *r4.Meta        `json:"meta"`
	Identifier   []r4.Identifier `json:"identifier"`
}

// version is meta.versionId, or else meta.lastUpdated.
func (h *head) version() string {
	if h.Meta == nil {
		return ""
	}
	if h.Meta.VersionID != "" {
		return h.Meta.VersionID
	}
	return h.Meta.LastUpdated
}

func (h *head) lastUpdated() string {
	if h.Meta == nil {
		return ""
	}
	return h.Meta.LastUpdated
}

func read(doc []byte) (*input, error) {
	if len(doc) > MaxSize {
		return nil, &Error{Err: ErrInput, Detail: "it is larger than 64 MB"}
	}
	in := &input{byURL: map[string]int{}, contained: map[containedKey]int{}}
	var b r4.Bundle
	if !json.Valid(doc) || json.Unmarshal(doc, &b) != nil || b.ResourceType != "Bundle" {
		return in, in.add(doc, "", "", -1)
	}
	for i, e := range b.Entry {
		if len(e.Resource) == 0 || bytes.Equal(e.Resource, []byte("null")) {
			continue
		}
		if err := in.add(e.Resource, e.FullURL, at("Bundle.entry", i), -1); err != nil {
			return nil, err
		}
	}
	return in, nil
}

func (in *input) add(doc json.RawMessage, url, path string, parent int) error {
	var h struct {
		ResourceType string            `json:"resourceType"`
		ID           string            `json:"id"`
		Contained    []json.RawMessage `json:"contained"`
	}
	if err := json.Unmarshal(doc, &h); err != nil {
		return &Error{Path: path, Err: ErrInput, Detail: "it is not the JSON of a resource"}
	}
	if h.ResourceType == "" {
		return &Error{Path: path, Err: ErrInput, Detail: "it has no resourceType"}
	}
	n := len(in.resources)
	in.resources = append(in.resources, raw{h.ResourceType, h.ID, parent, doc})
	if parent >= 0 {
		in.contained[containedKey{parent, h.ID}] = n
		return nil
	}
	if url != "" {
		in.byURL[url] = n
	}
	if h.ID != "" {
		in.byURL[h.ResourceType+"/"+h.ID] = n
	}
	for i, c := range h.Contained {
		if err := in.add(c, "", at(path+".contained", i), n); err != nil {
			return err
		}
	}
	return nil
}

// resolve finds what a reference in the resource from leads to; false when it is
// not here.
func (in *input) resolve(ref *r4.Reference, from int) (int, bool) {
	if ref == nil || ref.Reference == "" {
		return 0, false
	}
	s := ref.Reference
	if id, ok := strings.CutPrefix(s, "#"); ok {
		if p := in.resources[from].parent; p >= 0 {
			from = p
		}
		n, ok := in.contained[containedKey{from, id}]
		return n, ok
	}
	if n, ok := in.byURL[s]; ok {
		return n, true
	}
	s, _, _ = strings.Cut(s, "/_history/")
	if n, ok := in.byURL[s]; ok {
		return n, true
	}
	// An absolute address of a resource whose entry has no fullUrl.
	if part := strings.Split(s, "/"); len(part) > 2 {
		n, ok := in.byURL[part[len(part)-2]+"/"+part[len(part)-1]]
		return n, ok
	}
	return 0, false
}

// all are the resources of a type that are no contained ones, in order.
func (in *input) all(typ string) []int {
	var out []int
	for i, r := range in.resources {
		if r.ResourceType == typ && r.parent < 0 {
			out = append(out, i)
		}
	}
	return out
}

// is says whether resource n is of the type.
func (in *input) is(n int, typ string) bool { return in.resources[n].ResourceType == typ }

// decode reads resource n into v.
func (in *input) decode(n int, v any, path string) error {
	d := json.NewDecoder(bytes.NewReader(in.resources[n].json))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return &Error{Path: path, Err: ErrInput, Detail: "an element does not have the JSON type of " + in.resources[n].ResourceType}
	}
	return nil
}
