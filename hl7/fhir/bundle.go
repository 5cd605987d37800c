package fhir

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // Attachment.hash is SHA-1 by definition
	"encoding/base64"
	"strconv"

	"cardferry/hl7/fhir/definition"
	"cardferry/hl7/fhir/resource"
)

// Systems of identifiers and codes that cardferry itself gives.
const (
	keySystem       = "urn:cardferry:message-key"
	tagSystem       = "urn:cardferry:tag" // simulated; partial: a receiver that knows more keeps it
	assuranceSystem = "urn:cardferry:assurance"
)

// v2MediaType is the media type of HL7 v2 in the delimiter encoding.
const v2MediaType = "x-application/hl7-v2+er7"

// participantType is the code system of Provenance.agent.type.
const participantType = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"

func typeOf(name string) *definition.Type {
	t, _ := definition.R4().Lookup(name)
	return t
}

// final is the resource that stands for b after merging equal ones.
func (b *built) final() *built {
	for b.same != nil {
		b = b.same
	}
	return b
}

// live says whether the resource becomes an entry.
func (b *built) live() bool { return !b.gone && b.same == nil && b.display == "" }

// settle gives the resources their ids, resolves references and takes out what
// is not valid, until all that is left is.
func (r *run) settle() {
	for _, b := range r.built {
		b.gone = b.node.First() == nil
		uniqueIdentifiers(b.node)
	}
	r.identify()
	r.resolve()
	for changed := true; changed; {
		changed = false
		for _, b := range r.built {
			if !b.live() || b.label == "Provenance" || r.sound(b) { // Provenance is not complete yet
				continue
			}
			b.gone, changed = true, true
			r.release(b)
		}
		if changed {
			r.resolve()
		}
	}
}

// maxUnique is the size of resources up to which doubles are looked for.
const maxUnique = 100

// uniqueIdentifiers removes identifiers that are there already: PID-3 and PID-19
// often say the same number.
func uniqueIdentifiers(n *resource.Node) {
	if n.Len() > maxUnique {
		return
	}
	for c := n.First(); c != nil; c = c.Next() {
		if c.Element().Name != "identifier" || c.Element().Type.Name != "Identifier" {
			continue
		}
		for d := c.Next(); d != nil && d.Element() == c.Element(); d = d.Next() {
			if v := d.Value("value"); v != "" && v == c.Value("value") && d.Value("system") == c.Value("system") {
				n.Remove(d)
			}
		}
	}
}

// sound repairs one resource and says whether it can stay.
func (r *run) sound(b *built) bool {
	if !prune(b.node) {
		return false
	}
	found, ok := r.repair.Repair(b.node)
	for _, p := range found {
		r.issue(Issue{Code: CodeInvalid, Severity: "warning", Position: cursor{seg: b.seg}.position(), Expression: p.Path,
			Detail: p.Code + ": " + p.Text})
	}
	return ok
}

// resolve writes the references. One to a resource that is gone, or to itself
// after merging, stays empty and is pruned.
func (r *run) resolve() {
	for i := range r.refs {
		ref := &r.refs[i]
		to := ref.to.final()
		switch {
		case to.gone || to == ref.holder.final():
			for c := ref.node.First(); c != nil; c = c.Next() {
				ref.node.Remove(c)
			}
		case to.display != "":
			ref.node.Set(&r.arena, "display", cleanText(to.display))
		default:
			ref.node.Set(&r.arena, "reference", to.url)
		}
	}
}

// release counts the values of a dropped resource's segment as raw only, unless
// another resource was made of the segment too.
func (r *run) release(b *built) {
	for _, other := range r.built {
		if other != b && other.seg == b.seg && other.live() {
			return
		}
	}
	if b.seg != nil {
		for i := range b.seg.leaves {
			b.seg.leaves[i].used = false
		}
	}
}

// add makes a resource of the gateway's own, its id derived from the message key.
func (r *run) add(typ string) *built {
	b := r.makings.next()
	*b = built{label: typ, node: r.arena.New(typeOf(typ)), grp: r.root}
	b.identifyAs(r.t, []byte(typ+"|message|"+r.key+"|gateway"))
	r.built = append(r.built, b)
	return b
}

// record adds the raw message and who made what of it.
func (r *run) record(event string) {
	doc := r.add("DocumentReference")
	n := doc.node
	n.Set(&r.arena, "identifier.system", keySystem)
	n.Set(&r.arena, "identifier.value", cleanText(r.key))
	n.Set(&r.arena, "status", "current")
	n.Set(&r.arena, "type.text", "HL7 v2 message")
	if event != "" {
		n.Set(&r.arena, "description", event)
	}
	recorded := r.scalarOf("instant", r.header(7))
	if recorded != "" {
		n.Set(&r.arena, "date", recorded)
	}
	for _, b := range r.built {
		if b.label == "Patient" && b.live() {
			n.Set(&r.arena, "subject.reference", b.url)
			break
		}
	}
	raw := r.msg.Bytes()
	sum := sha1.Sum(raw) //nolint:gosec // see the import
	n.Set(&r.arena, "content.attachment.contentType", v2MediaType)
	n.Set(&r.arena, "content.attachment.data", base64.StdEncoding.EncodeToString(raw))
	n.Set(&r.arena, "content.attachment.size", strconv.Itoa(len(raw)))
	n.Set(&r.arena, "content.attachment.hash", base64.StdEncoding.EncodeToString(sum[:]))

	prov := r.provenance(recorded)
	entity := prov.Add(&r.arena, prov.Type().MustElement("entity"))
	entity.Set(&r.arena, "role", "source")
	entity.Set(&r.arena, "what.reference", doc.url)
	if found, _ := r.repair.Repair(prov); len(found) > 0 {
		r.issues = append(r.issues, problems(found)...)
	}
}

// provenance completes the Provenance that the tables began, or makes one: all
// resources so far as targets, the gateway as the device that assembled them.
func (r *run) provenance(recorded string) *resource.Node {
	var p *built
	for _, b := range r.built {
		if b.label == "Provenance" && b.live() {
			p = b
		}
	}
	if p == nil {
		p = r.add("Provenance")
	}
	n := p.node
	for _, b := range r.built {
		if b != p && b.live() {
			n.Add(&r.arena, n.Type().MustElement("target")).Set(&r.arena, "reference", b.url)
		}
	}
	if n.Child("recorded") == nil {
		if recorded != "" {
			n.Set(&r.arena, "recorded", recorded)
		} else {
			n.Set(&r.arena, "recorded.extension.url", "http://hl7.org/fhir/StructureDefinition/data-absent-reason")
			n.Set(&r.arena, "recorded.extension.valueCode", "unknown")
		}
	}
	device := r.arena.New(typeOf("Device"))
	n.Attach(n.Type().MustElement("contained"), device)
	device.Set(&r.arena, "id", "gateway")
	device.Set(&r.arena, "deviceName.name", "cardferry")
	device.Set(&r.arena, "deviceName.type", "model-name")
	r.deviceVersion(device, "mapping", r.t.Version())
	if r.t.config.SiteName != "" {
		device.Set(&r.arena, "owner.display", cleanText(r.t.config.SiteName))
	}
	agent := n.Add(&r.arena, n.Type().MustElement("agent"))
	agent.Set(&r.arena, "type.coding.system", participantType)
	agent.Set(&r.arena, "type.coding.code", "assembler")
	agent.Set(&r.arena, "who.reference", "#gateway")
	prune(n)
	return n
}

func (r *run) deviceVersion(device *resource.Node, kind, value string) {
	v := device.Add(&r.arena, device.Type().MustElement("version"))
	v.Set(&r.arena, "type.text", kind)
	v.Set(&r.arena, "value", value)
}

// header is the text of an MSH field.
func (r *run) header(field int) string {
	if len(r.view.segments) == 0 {
		return ""
	}
	return r.view.segments[0].field(field).text()
}

// scalarOf is the value in the form of the primitive type, "" when it has none.
func (r *run) scalarOf(typ, s string) string {
	p := typeOf(typ).Primitive
	if s = r.scalar(p, s); !p.Valid(s) {
		return ""
	}
	return s
}

// bundle assembles the transaction.
func (r *run) bundle() []byte {
	n := r.arena.New(typeOf("Bundle"))
	n.Set(&r.arena, "identifier.system", keySystem)
	n.Set(&r.arena, "identifier.value", cleanText(r.key))
	n.Set(&r.arena, "type", "transaction")
	if ts := r.scalarOf("instant", r.header(7)); ts != "" {
		n.Set(&r.arena, "timestamp", ts)
	}
	entryElem := n.Type().MustElement("entry")
	fullURL, resourceElem, request := entryElem.Type.MustElement("fullUrl"), entryElem.Type.MustElement("resource"), entryElem.Type.MustElement("request")
	method, url := request.Type.MustElement("method"), request.Type.MustElement("url")
	for _, b := range r.built {
		if !b.live() {
			continue
		}
		b.node.Set(&r.arena, "id", b.id)
		if b.brief {
			r.tag(b.node, "tag", tagSystem, "partial")
		}
		entry := n.Add(&r.arena, entryElem)
		entry.Add(&r.arena, fullURL).SetText(b.url)
		entry.Attach(resourceElem, b.node)
		req := entry.Add(&r.arena, request)
		req.Add(&r.arena, method).SetText("PUT")
		req.Add(&r.arena, url).SetText(b.put)
	}
	r.buf = n.AppendJSON(r.buf[:0])
	if len(r.buf) > keptBytes { // it would not be kept: no copy of it
		out := r.buf
		r.buf = nil
		return out
	}
	return bytes.Clone(r.buf)
}
