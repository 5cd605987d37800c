package intake

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"cardferry/hl7"
	"cardferry/hl7/mllp"
	"cardferry/sync/queue"
)

func from(app, facility, id string) string {
	return "MSH|^~\\&|" + app + "|" + facility + "|CF|R|20260304||ADT^A01|" + id + "|P|2.5\rPID|1||1^^^H\r"
}

func TestSenders(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Senders = []Sender{
			{Name: "lis-north", Application: "LIS", Facility: "NORTH"},
			{Name: "lis", Application: "LIS"},
			{Name: "elsewhere", Facility: "EAST", Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}},
			{Name: "chinese", Application: "检验", Charset: "GB18030"},
		}
	})
	c := r.dial()
	for _, tt := range []struct{ name, msg, code, source string }{
		{"application and facility", from("LIS", "NORTH", "1"), "AA", "lis-north"},
		{"application alone", from("LIS", "SOUTH", "2"), "AA", "lis"},
		{"first component of both", from("LIS^1.2^ISO", "NORTH^9^ISO", "3"), "AA", "lis-north"},
		{"nobody listed", from("RIS", "NORTH", "4"), "AA", "hl7"},
		{"another case is another name", from("lis", "NORTH", "5"), "AA", "hl7"},
		{"wrong network", from("ANY", "EAST", "6"), "AR", ""},
		{"name in a character set", from("检验", "X", "7"), "AA", "chinese"},
		{"name with an escape", from(`L\X49\S`, "NORTH", "8"), "AA", "lis-north"},
	} {
		ack := c.ask(tt.msg)
		if field(ack, "MSA", 1) != tt.code {
			t.Errorf("%s: %q", tt.name, ack)
		}
		headers, err := r.store.List(queue.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		if last := headers[len(headers)-1].Source; tt.source != "" && last != tt.source {
			t.Errorf("%s: taken for %s", tt.name, last)
		}
	}
	r.wantEvents("elsewhere", map[Event]uint64{NotAllowed: 1})
	r.wantEvents("lis-north", map[Event]uint64{Stored: 3})
}

func TestOnlyListedSenders(t *testing.T) {
	r := newRig(t, func(o *Options) { o.OnlyListed, o.Senders = true, []Sender{{Name: "his", Application: "HIS"}} })
	c := r.dial()
	wantAck(t, c.ask(adt("1")), "AA", "1")
	ack := c.ask(from("LIS", "H1", "2"))
	wantAck(t, ack, "AR", "2")
	if !strings.Contains(ack, "|MSH^1^3|") || !strings.Contains(ack, "not configured") {
		t.Errorf("%q", ack)
	}
	r.wantStored(adt("1"))
	r.wantEvents("hl7", map[Event]uint64{NotListed: 1})
}

func TestCertificateIsBoundToTheSender(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Senders = []Sender{{Name: "his", Application: "HIS", Certificate: "his.hospital.example"}}
	})
	peer := func(c *x509.Certificate, verified bool) mllp.Peer {
		state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}}
		if verified {
			state.VerifiedChains = [][]*x509.Certificate{{c}}
		}
		return mllp.Peer{TLS: state}
	}
	uri, err := url.Parse("his.hospital.example")
	if err != nil {
		t.Fatal(err)
	}
	byName := &x509.Certificate{Subject: pkix.Name{CommonName: "his.hospital.example"}}
	for _, tt := range []struct {
		name string
		peer mllp.Peer
		code string
	}{
		{"common name", peer(byName, true), "AA"},
		{"DNS name", peer(&x509.Certificate{DNSNames: []string{"a.example", "his.hospital.example"}}, true), "AA"},
		{"URI", peer(&x509.Certificate{URIs: []*url.URL{uri}}, true), "AA"},
		{"of another system", peer(&x509.Certificate{Subject: pkix.Name{CommonName: "lis.hospital.example"}}, true), "AR"},
		{"not verified", peer(byName, false), "AR"},
		{"none", mllp.Peer{}, "AR"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reply := r.intake.Handle(t.Context(), []byte(adt("1")), tt.peer)
			wantAck(t, string(reply.ACK), tt.code, "1")
		})
	}
	r.wantStored(adt("1"))
	r.wantEvents("his", map[Event]uint64{Stored: 1, Repeated: 2, WrongCertificate: 3})
}

func TestCharsets(t *testing.T) {
	gbk := "\xd5\xc5\xc8\xfd" // a name in GB 18030
	msg := func(charset, name string) string {
		return strings.Replace(adt("1", "", "", "", "", "", charset), "DOE", name, 1)
	}
	for _, tt := range []struct {
		name, charset, text string
		sender              Sender
		code                string
		event               Event
	}{
		{"declared", "GB 18030-2000", gbk, Sender{}, "AA", 0},
		{"UTF-8 declared", "UNICODE UTF-8", "张三", Sender{}, "AA", 0},
		{"another declared than sent", "8859/1", "张三", Sender{}, "AA", CharsetMismatch},
		{"UTF-8 declared, not sent", "UNICODE UTF-8", gbk, Sender{}, "AA", CharsetInvalid},
		{"nothing declared", "", gbk, Sender{}, "AA", CharsetGuessed},
		{"the sender's default", "", gbk, Sender{Charset: "GB18030"}, "AA", 0},
		{"unknown", "KLINGON", gbk, Sender{}, "AE", UnknownCharset},
		{"unknown, but it is UTF-8", "KLINGON", "张三", Sender{}, "AA", 0},
		{"unknown, with a default", "KLINGON", gbk, Sender{Charset: "GB18030"}, "AA", 0},
		{"forced", "8859/1", gbk, Sender{Charset: "GB18030", ForceCharset: true}, "AA", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.sender.Name, tt.sender.Application = "his", "HIS"
			r := newRig(t, func(o *Options) { o.Senders = []Sender{tt.sender} })
			sent := msg(tt.charset, tt.text)
			wantAck(t, r.dial().ask(sent), tt.code, "1")
			want := map[Event]uint64{Stored: 1}
			if tt.code != "AA" {
				want = map[Event]uint64{}
			} else {
				r.wantStored(sent) // the bytes stay what they were
			}
			if tt.event != 0 {
				want[tt.event] = 1
			}
			r.wantEvents("his", want)
		})
	}
}

func TestSettingsThatCannotWork(t *testing.T) {
	for name, senders := range map[string][]Sender{
		"no name":           {{Application: "A"}},
		"a name twice":      {{Name: "a"}, {Name: "a"}},
		"the default's":     {{Name: "hl7"}},
		"a path for a name": {{Name: "../x", Sequence: true}},
		"unknown charset":   {{Name: "a", Charset: "KLINGON"}},
		"nothing to force":  {{Name: "a", ForceCharset: true}},
	} {
		o := Options{Enqueue: (&queue.Store{}).Enqueue, ItemID: hexID, Lane: hexID, StateDir: t.TempDir(), Senders: senders}
		if i, err := New(o); err == nil {
			t.Errorf("%s is taken", name)
			_ = i.Close()
		}
	}
	if _, err := New(Options{}); err == nil {
		t.Error("nothing given is taken")
	}
}

func hexID(...string) string { return strings.Repeat("0", 40) }

func TestValidation(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Validate = func(m *hl7.Message) *hl7.AckInfo {
			if _, ok := m.Segment("PV1", 1); ok {
				return nil
			}
			return &hl7.AckInfo{ErrorCode: hl7.SegmentSequenceError, Location: hl7.Path{Segment: "PV1"}, Text: "PV1 is missing"}
		}
	})
	c := r.dial()
	wantAck(t, c.ask(adt("1")), "AA", "1")
	ack := c.ask(from("HIS", "H", "2"))
	wantAck(t, ack, "AE", "2")
	if !strings.Contains(ack, "|PV1^1|100^") {
		t.Errorf("%q", ack)
	}
	r.wantStored(adt("1"))
}

func TestLanes(t *testing.T) {
	r := newRig(t, nil)
	lanes := func(msg string) []queue.Lane {
		m, err := hl7.Parse([]byte(msg), hl7.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return r.intake.item(m, r.intake.fallback).Lanes
	}
	head := "MSH|^~\\&|HIS|H|||20260304||ADT^A40|1|P|2.5\r"
	patient := func(id string) queue.Lane { return queue.Lane(r.keys.Lane("patient", id, "H")) }
	for _, tt := range []struct {
		name, body string
		want       []queue.Lane
	}{
		{"one patient", "PID|1||7^^^H~8^^^R\r", []queue.Lane{patient("7")}},
		{"merge", "PID|1||7^^^H\rMRG|9^^^H\r", []queue.Lane{patient("7"), patient("9")}},
		{"merge into itself", "PID|1||7^^^H\rMRG|7^^^H\r", []queue.Lane{patient("7")}},
		{"link", "PID|1||7^^^H\rPID|2||8^^^H\r", []queue.Lane{patient("7"), patient("8")}},
		{"more than an item can have", "PID|||1^^^H\rMRG|2^^^H\rPID|||3^^^H\rMRG|4^^^H\rPID|||5^^^H\r", []queue.Lane{patient("1"), patient("2"), patient("3"), patient("4")}},
		{"nobody", "PV1|1\r", []queue.Lane{queue.Lane(r.keys.Lane("sender", "HIS", "H"))}},
		{"no identifier", "PID|1||^^^H\r", []queue.Lane{queue.Lane(r.keys.Lane("sender", "HIS", "H"))}},
	} {
		got := lanes(head + tt.body)
		if len(got) != len(tt.want) {
			t.Errorf("%s: %d lanes", tt.name, len(got))
			continue
		}
		for k := range got {
			if got[k] != tt.want[k] {
				t.Errorf("%s: lane %d", tt.name, k)
			}
		}
	}
}
