package configs

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// HL7 is the MLLP listener for the hospital's systems, and what goes back to
// them.
type HL7 struct {
	Listen         string        `config:"listen" doc:"address of the MLLP listener; empty is off"`
	Charset        string        `config:"charset" doc:"charset of messages that do not name one in MSH-18"`
	MaxMessage     Size          `config:"max_message" doc:"largest message accepted"`
	TLS            TLS           `config:"tls"`
	Allow          []string      `config:"allow" doc:"networks that may connect, 10.0.0.0/8; empty is all"`
	MaxConnections int           `config:"max_connections" doc:"connections at a time"`
	Rate           int           `config:"rate" doc:"messages per second that one connection may send; 0 is no limit"`
	Idle           time.Duration `config:"idle" doc:"a connection without a message for so long is closed; 0s is never"`
	OnlyListed     bool          `config:"only_listed" doc:"refuse (AR) every sender that senders does not list"`
	Senders        []Sender      `config:"senders" doc:"systems that need settings of their own; the first that matches counts"`
	Destinations   []Destination `config:"destinations" doc:"systems that messages go back to"`
}

// Sender is one of the hospital's systems, known by MSH-3 and MSH-4.
type Sender struct {
	Name        string   `config:"name" required:"true" doc:"name in logs, metrics and the queue"`
	Application string   `config:"application" doc:"MSH-3.1 of its messages; empty matches any"`
	Facility    string   `config:"facility" doc:"MSH-4.1 of its messages; empty matches any"`
	Allow       []string `config:"allow" doc:"networks it sends from; empty is all"`
	Certificate string   `config:"certificate" doc:"name in its client certificate; needs hl7.tls.client_ca_file"`
	Charset     string   `config:"charset" doc:"charset of its messages that do not name one"`
	Force       bool     `config:"force_charset" doc:"read all its messages in charset, whatever MSH-18 says"`
	Sequence    bool     `config:"sequence" doc:"keep the sequence number protocol (MSH-13)"`
	ReusedID    string   `config:"reused_id" enum:"refuse,keep" doc:"same MSH-10 with other bytes within 12 hours; refuse answers AE, keep takes it as a new message; empty is refuse"`
	OnFull      string   `config:"on_full" enum:"answer,withhold" doc:"when nothing can be stored: answer AR, or withhold any answer so that it sends again; empty is answer"`
	ReplyTo     string   `config:"reply_to" doc:"destination of the acknowledgements it asks for in MSH-16; empty answers on the same connection"`
}

// What a sender can have.
const (
	ReusedIDKeep   = "keep"
	OnFullWithhold = "withhold"
)

// Destination is one system that takes HL7 v2 messages over MLLP. Messages wait
// for it in a queue of its own, in order.
type Destination struct {
	Name        string        `config:"name" required:"true" doc:"name in logs, metrics and commands"`
	Address     string        `config:"address" required:"true" doc:"host:port it listens on"`
	TLS         bool          `config:"tls" doc:"speak TLS"`
	CAFile      string        `config:"ca_file" doc:"PEM CA bundle of its certificate; empty takes the system's"`
	CertFile    string        `config:"cert_file" doc:"PEM client certificate for mTLS"`
	KeyFile     string        `config:"key_file" doc:"PEM key of cert_file"`
	AckTimeout  time.Duration `config:"ack_timeout" doc:"longest wait for an acknowledgement; 0s is 30s"`
	OnError     string        `config:"on_error" enum:"retry,park" doc:"after AE or CE: retry ten times before a person is asked, or ask at once; empty is retry"`
	WhileParked string        `config:"while_parked" enum:"hold,continue" doc:"while a parked message waits for a person: hold keeps what follows waiting, continue sends it; empty is hold"`
	MessageGap  time.Duration `config:"message_gap" doc:"least time between two messages"`
	Charset     string        `config:"charset" doc:"charset it wants, whatever a message came in; empty sends as it is"`
}

// What a destination can have.
const (
	OnErrorPark         = "park"
	WhileParkedContinue = "continue"
)

// maxDestinations bounds the queues that go back into the hospital.
const maxDestinations = 32

func (c *checker) hl7(h HL7) {
	c.tls("hl7.tls", h.TLS)
	c.networks("hl7.allow", h.Allow)
	if h.MaxConnections < 1 || h.MaxConnections > 65_535 {
		c.problem("hl7.max_connections", "expected 1 to 65535", "")
	}
	if h.Rate < 0 {
		c.problem("hl7.rate", "expected 0 or more messages per second", "")
	}
	if len(h.Destinations) > maxDestinations {
		c.problem("hl7.destinations", fmt.Sprintf("at most %d destinations", maxDestinations), "")
	}
	destinations := map[string]bool{}
	for i, d := range h.Destinations {
		key := fmt.Sprintf("hl7.destinations[%d].", i)
		c.name(key+"name", d.Name, destinations)
		c.address(key+"address", d.Address, false, false)
		if (d.CertFile == "") != (d.KeyFile == "") {
			c.problem(key+"cert_file", "cert_file and key_file go together", "")
		}
		if !d.TLS && (d.CAFile != "" || d.CertFile != "") {
			c.problem(key+"tls", "certificates are only used with TLS", "set tls: true")
		}
	}
	senders := map[string]bool{"hl7": true} // the name of everybody who is not listed
	for i, s := range h.Senders {
		key := fmt.Sprintf("hl7.senders[%d].", i)
		c.name(key+"name", s.Name, senders)
		c.networks(key+"allow", s.Allow)
		if s.Application == "" && s.Facility == "" {
			c.problem(key+"application", "a sender is known by its MSH-3 or MSH-4", "set application, facility or both")
		}
		if s.Certificate != "" && h.TLS.ClientCAFile == "" {
			c.problem(key+"certificate", "no client shows a certificate without a CA", "set hl7.tls.client_ca_file")
		}
		if s.Force && s.Charset == "" {
			c.problem(key+"force_charset", "there is no charset to force", "set charset")
		}
		if s.ReplyTo != "" && !destinations[s.ReplyTo] {
			c.problem(key+"reply_to", "no destination has this name", "add it to hl7.destinations")
		}
	}
}

// name checks what becomes a label, a directory and an argument.
func (c *checker) name(key, name string, seen map[string]bool) {
	if !nameForm.MatchString(name) {
		c.problem(key, "expected 1 to 32 lower-case letters, digits and hyphens", `like "lis"`)
	}
	if seen[name] {
		c.problem(key, "this name is given twice", "")
	}
	seen[name] = true
}

func (c *checker) networks(key string, networks []string) {
	for _, n := range networks {
		if _, err := netip.ParsePrefix(n); err != nil {
			c.problem(key, "expected a network in CIDR form", `like "10.20.0.0/16", or "10.20.0.5/32" for one machine`)
		}
	}
}

// Networks parses networks that were checked when they were loaded.
func Networks(networks []string) []netip.Prefix {
	var out []netip.Prefix
	for _, n := range networks {
		if p, err := netip.ParsePrefix(strings.TrimSpace(n)); err == nil {
			out = append(out, p.Masked())
		}
	}
	return out
}
