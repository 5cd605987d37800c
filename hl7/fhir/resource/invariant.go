package resource

import (
	"slices"
	"strings"
	"sync"
	"time"

	"cardferry/hl7/fhir/definition"
)

// invariant is one rule of R4 beyond elements, cardinality and bindings.
type invariant struct {
	text  string
	holds func(*Node) bool
	mend  func(*Node) // takes out what breaks it, where that is less than the whole; may be nil
}

// invariants are those of R4 that translated data can break, by type.
var invariants = map[string][]invariant{
	"ContactPoint": {{text: "a system is required if a value is provided (cpt-2)", holds: func(n *Node) bool { return n.Child("value") == nil || n.Child("system") != nil }}},
	"Attachment":   {{text: "data needs a contentType (att-1)", holds: func(n *Node) bool { return n.Child("data") == nil || n.Child("contentType") != nil }}},
	"Quantity":     quantityRules,
	"Duration":     quantityRules,
	"Age":          quantityRules,
	"Organization": {
		{text: "an organization has a name or an identifier (org-1)", holds: func(n *Node) bool { return n.Child("name") != nil || n.Child("identifier") != nil }},
		{"an address of an organization is not a home (org-2)", noHome("address"), notHome("address")},
		{"a telecom of an organization is not of a home (org-3)", noHome("telecom"), notHome("telecom")},
	},
	"Period": {{text: "start is not after end (per-1)", holds: inOrder}},
	"ServiceRequest": {{"orderDetail only with a code (prr-1)",
		func(n *Node) bool { return n.Child("orderDetail") == nil || n.Child("code") != nil },
		func(n *Node) { removeAll(n, "orderDetail") }}},
	"Patient.contact": {{text: "a contact has a name, telecom, address or organization (pat-1)", holds: func(n *Node) bool { return hasAny(n, "name", "telecom", "address", "organization") }}},
	"Extension":       {{text: "an extension has either a value or extensions (ext-1)", holds: extensionHolds}},
	"Reference":       {{text: "a reference says something", holds: func(n *Node) bool { return hasAny(n, "reference", "identifier", "display", "extension") }}},
	"Observation":     {{text: "dataAbsentReason only without a value (obs-6)", holds: func(n *Node) bool { return n.Child("dataAbsentReason") == nil || !hasValue(n) }}},
	"Appointment": {
		{text: "start and end or neither (app-2)", holds: func(n *Node) bool { return (n.Child("start") == nil) == (n.Child("end") == nil) }},
		{text: "start and end unless proposed, cancelled or waitlist (app-3)", holds: func(n *Node) bool {
			return n.Child("start") != nil || slices.Contains([]string{"proposed", "cancelled", "waitlist"}, n.Value("status"))
		}},
	},
	"Appointment.participant": {{text: "a participant has a type or an actor (app-1)", holds: func(n *Node) bool { return hasAny(n, "type", "actor") }}},
	"Condition":               {{text: "no clinicalStatus when entered in error (con-5)", holds: notEnteredInError}},
	"AllergyIntolerance": {
		{text: "no clinicalStatus when entered in error (ait-2)", holds: notEnteredInError},
		{text: "clinicalStatus unless entered in error (ait-1)", holds: func(n *Node) bool { return n.Child("clinicalStatus") != nil || enteredInError(n) }},
	},
}

// rules are the invariants by type, for a quick look-up.
var rules = sync.OnceValue(func() map[*definition.Type][]invariant {
	out := make(map[*definition.Type][]invariant, len(invariants))
	for name, list := range invariants {
		if t, ok := definition.R4().Lookup(name); ok {
			out[t] = list
		}
	}
	return out
})

var quantityRules = []invariant{{text: "a coded unit has a system (qty-3)", holds: func(n *Node) bool { return n.Child("code") == nil || n.Child("system") != nil }}}

func hasAny(n *Node, names ...string) bool {
	for c := n.first; c != nil; c = c.next {
		if slices.Contains(names, c.elem.Name) {
			return true
		}
	}
	return false
}

func hasValue(n *Node) bool {
	for c := n.first; c != nil; c = c.next {
		if c.elem.Choice == "value[x]" {
			return true
		}
	}
	return false
}

func extensionHolds(n *Node) bool { return hasValue(n) != (n.Child("extension") != nil) }

func enteredInError(n *Node) bool {
	return n.Value("verificationStatus", "coding", "code") == "entered-in-error"
}

func notEnteredInError(n *Node) bool { return n.Child("clinicalStatus") == nil || !enteredInError(n) }

// inOrder says whether a period's start is provably not after its end. Two times
// are compared as instants, anything with a date as the texts that they are.
func inOrder(n *Node) bool {
	start, end := n.Value("start"), n.Value("end")
	if start == "" || end == "" {
		return true
	}
	if strings.Contains(start, "T") && strings.Contains(end, "T") {
		from, err1 := time.Parse(time.RFC3339Nano, start)
		to, err2 := time.Parse(time.RFC3339Nano, end)
		if err1 == nil && err2 == nil {
			return !from.After(to)
		}
	}
	return start <= end
}

func noHome(list string) func(*Node) bool {
	return func(n *Node) bool {
		for c := n.first; c != nil; c = c.next {
			if c.elem.Name == list && c.Value("use") == "home" {
				return false
			}
		}
		return true
	}
}

// notHome takes the use home out of what an organization lists.
func notHome(list string) func(*Node) {
	return func(n *Node) {
		for c := n.first; c != nil; c = c.next {
			if c.elem.Name != list || c.Value("use") != "home" {
				continue
			}
			if removeAll(c, "use"); c.first == nil {
				n.Remove(c)
			}
		}
	}
}

func removeAll(n *Node, name string) {
	for c := n.first; c != nil; {
		next := c.next
		if c.elem.Name == name {
			n.Remove(c)
		}
		c = next
	}
}
