package fhir

import "strings"

// vocabulary translates the codes of one v2 table.
type vocabulary struct {
	codes    map[string]concept
	bySender map[string]*vocabulary // what one sending application means (MSH-3.1)
}

type concept struct {
	code, system, display string
}

// lookup finds a v2 code of a sender, first in the sender's own rows. ok says that
// the table knows the code; a known code may have no counterpart (empty concept).
func (v *vocabulary) lookup(code, sender string) (concept, bool) {
	if own := v.bySender[sender]; own != nil {
		if c, ok := own.lookup(code, ""); ok {
			return c, true
		}
	}
	c, ok := v.codes[code]
	if !ok {
		if c, ok = v.codes["*"]; ok && c.code == "=" {
			c.code = code
		}
	}
	return c, ok
}

func (c *compiler) vocabularies(recs []*record) {
	c.t.vocabulary = map[string]*vocabulary{}
	for _, r := range recs {
		name, sender, own := strings.Cut(r.cells["map"], "@")
		v := c.t.vocabulary[name]
		if v == nil {
			v = &vocabulary{codes: map[string]concept{}, bySender: map[string]*vocabulary{}}
			c.t.vocabulary[name] = v
		}
		if own {
			if sender == "" {
				c.mistake(r.failf("map %q names no sender behind @", r.cells["map"]))
				continue
			}
			if v.bySender[sender] == nil {
				v.bySender[sender] = &vocabulary{codes: map[string]concept{}}
			}
			v = v.bySender[sender]
		}
		code := r.cells["code"]
		if code == "" {
			c.mistake(r.failf("column code is empty; * stands for any other code"))
			continue
		}
		to := concept{r.cells["fhir"], r.cells["system"], r.cells["display"]}
		if to.code == "-" || to.code == "" {
			to = concept{}
		}
		v.codes[code] = to
	}
}

// systems give the URI of v2 coding systems (HL7 table 0396) and assigning
// authorities.
type systems struct {
	coding      map[string]string
	authorities map[string]string
}

func (c *compiler) systems(recs []*record) {
	c.t.systems = systems{coding: map[string]string{}, authorities: map[string]string{}}
	for _, r := range recs {
		uri := r.cells["uri"]
		if uri == "" || strings.ContainsAny(uri, " \t") {
			c.mistake(r.failf("column uri is not a URI"))
			continue
		}
		switch r.cells["kind"] {
		case "coding":
			c.t.systems.coding[r.cells["code"]] = uri
		case "authority":
			c.t.systems.authorities[r.cells["code"]] = uri
		default:
			c.mistake(r.failf("kind is coding or authority"))
		}
	}
}

// codingSystem is the URI of a coding system named in a message, empty when none
// is named.
func (t *Translator) codingSystem(name string) string {
	if name == "" {
		return ""
	}
	if uri, ok := t.config.Systems[name]; ok {
		return uri
	}
	if uri, ok := t.tables.systems.coding[name]; ok {
		return uri
	}
	if len(name) == 7 && name[:3] == "HL7" && digits(name[3:]) {
		return "http://terminology.hl7.org/CodeSystem/v2-" + name[3:]
	}
	if isURI(name) {
		return name
	}
	return "urn:cardferry:site:" + t.site + ":cs:" + escapeURI(name)
}

// authority is the URI of an assigning authority (HD): namespace id, universal
// id and its type (HL7 table 0301).
func (t *Translator) authority(namespace, id, kind string) string {
	for _, name := range [...]string{namespace, id} {
		if name == "" {
			continue
		}
		if uri, ok := t.config.Systems[name]; ok {
			return uri
		}
		if uri, ok := t.tables.systems.authorities[name]; ok {
			return uri
		}
	}
	if id != "" {
		switch strings.ToUpper(kind) {
		case "ISO":
			if isOID(id) {
				return "urn:oid:" + id
			}
		case "UUID", "GUID":
			return "urn:uuid:" + escapeURI(strings.ToLower(id))
		case "URI":
			if isURI(id) {
				return id
			}
		}
	}
	switch {
	case namespace != "":
		return "urn:cardferry:site:" + t.site + ":aa:" + escapeURI(namespace)
	case id != "":
		return "urn:cardferry:site:" + t.site + ":aa:" + escapeURI(id)
	}
	return ""
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func isOID(s string) bool {
	return strings.Count(s, ".") > 0 && digits(strings.ReplaceAll(s, ".", "")) && s[0] != '.' &&
		s[len(s)-1] != '.' && !strings.Contains(s, "..")
}

// isURI says whether s is an absolute URI of a kind that systems use.
func isURI(s string) bool {
	for _, scheme := range [...]string{"http://", "https://", "urn:"} {
		if strings.HasPrefix(s, scheme) {
			return escapeURI(s[len(scheme):]) == s[len(scheme):]
		}
	}
	return false
}

// escapeURI percent-encodes what a URI may not hold.
func escapeURI(s string) string {
	const hex = "0123456789ABCDEF"
	clean := true
	for i := range len(s) {
		clean = clean && uriByte(s[i])
	}
	if clean {
		return s
	}
	b := make([]byte, 0, len(s)+8)
	for i := range len(s) {
		if uriByte(s[i]) {
			b = append(b, s[i])
		} else {
			b = append(b, '%', hex[s[i]>>4], hex[s[i]&15])
		}
	}
	return string(b)
}

func uriByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~:/?#@!$&'()*+,;=", c) >= 0
}
