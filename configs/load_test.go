package configs

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseAcceptsTheShippedSample(t *testing.T) {
	cfg, err := Parse("cardferry.yaml", Sample(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !cfg.Readers.PCSC.Enabled || cfg.HL7.Listen != "127.0.0.1:2575" || cfg.Site.ID != "000000000" {
		t.Errorf("sample not taken over: %+v", cfg)
	}
}

func TestLayersOverrideEachOther(t *testing.T) {
	file := []byte("role: desk\nsite: {id: \"1\"}\nupstream: {kind: fhir, url: \"https://file.example/fhir\", timeout: 5s}\nqueue: {quota: 2GB}\n")
	env := []string{"CARDFERRY_UPSTREAM_URL=https://env.example/fhir", "CARDFERRY_UPSTREAM_TIMEOUT=7s", "CARDFERRY_DESK_ORIGINS=https://a.example,https://b.example", "HOME=/x"}
	cfg, err := Parse("f.yaml", file, env, []string{"upstream.timeout=9s", "queue.reserve=10MB", "upstream.workers=3"})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Role != RoleDesk || cfg.Upstream.URL != "https://env.example/fhir" || cfg.Upstream.Timeout != 9*time.Second {
		t.Errorf("layers in the wrong order: %+v", cfg.Upstream)
	}
	if cfg.Queue.Quota != 2<<30 || cfg.Queue.Reserve != 10<<20 || cfg.Upstream.Workers != 3 {
		t.Errorf("typed values: %+v %d", cfg.Queue, cfg.Upstream.Workers)
	}
	if want := []string{"https://a.example", "https://b.example"}; !reflect.DeepEqual(cfg.Desk.Origins, want) {
		t.Errorf("origins %q, want %q", cfg.Desk.Origins, want)
	}
}

func TestMistakesNamePlaceAndRemedy(t *testing.T) {
	tests := []struct{ name, yaml, env, set, want string }{
		{name: "misspelt key", yaml: "desk:\n  lisen: x\n", want: `f.yaml:2:3: desk.lisen: unknown key (did you mean "listen"?)`},
		{name: "key in the wrong block", yaml: "workers: 3\n", want: `f.yaml:1:1: workers: unknown key here (it belongs at "upstream.workers")`},
		{name: "key that is like nothing", yaml: "site:\n  zzzzzz: 1\n", want: `f.yaml:2:3: site.zzzzzz: unknown key (known here: id, name, time_zone, systems)`},
		{name: "bare duration", yaml: "upstream:\n  timeout: 30\n", want: `f.yaml:2:12: upstream.timeout: expected a duration with a unit (write "30s" for seconds, or use ms, m, h)`},
		{name: "bare size", yaml: "queue: {quota: 64}\n", want: `f.yaml:1:16: queue.quota: expected a size with a unit (write "64MB", or use KB, GB)`},
		{name: "unquoted code", yaml: "site:\n  id: 012345\n", want: `f.yaml:2:7: site.id: expected text in quotes (codes are text, not numbers: write "012345")`},
		{name: "number for a switch", yaml: "readers: {pcsc: {enabled: 1}}\n", want: `f.yaml:1:27: readers.pcsc.enabled: expected true or false (without quotes)`},
		{name: "switch for a number", yaml: "readers:\n  serial:\n    - {port: /dev/ttyS0, kind: scanner, baud: true}\n", want: `f.yaml:3:47: readers.serial[0].baud: expected a whole number (without quotes)`},
		{name: "required key in a list", yaml: "readers:\n  serial:\n    - {port: /dev/ttyS0}\n", want: `f.yaml:3:7: readers.serial[0].kind: this key is required here (what is attached)`},
		{name: "value not offered", yaml: "role: dsk\n", want: `f.yaml:1:7: role: expected one of all, desk, hub (did you mean "desk"?)`},
		{name: "key twice", yaml: "role: all\nrole: hub\n", want: `f.yaml:2:1: role: this key is already set in line 1 (keep one of them)`},
		{name: "key twice in another case", yaml: "role: all\nRole: hub\n", want: `f.yaml:2:1: Role: this key is already set in line 1 (keep one of them)`},
		{name: "list where a block belongs", yaml: "desk: [a]\n", want: `f.yaml:1:7: desk: expected a block of keys: listen, name, origins, hosts`},
		{name: "block where a value belongs", yaml: "role: {a: b}\n", want: `f.yaml:1:7: role: expected a single value, not a list or block`},
		{name: "missing value", yaml: "role:\n", want: `f.yaml:1:6: role: the value is missing (remove the key to take the default)`},
		{name: "alias", yaml: "desk: {name: &a x}\nadmin: {listen: *a}\n", want: `f.yaml:2:17: admin.listen: aliases are not supported (write the value out)`},
		{name: "not YAML", yaml: "role: all\n  x: [\n", want: `f.yaml:2:1: not valid YAML`},
		{name: "desk beyond loopback", yaml: "desk:\n  listen: \"0.0.0.0:8640\"\n", want: `f.yaml:2:11: desk.listen: only a loopback address is allowed here (127.0.0.1 or [::1])`},
		{name: "ingest beyond loopback without TLS", yaml: "ingest: {listen: \"10.0.0.1:8642\"}\n", want: `ingest.listen: an address others can reach needs TLS`},
		{name: "patient data without TLS", yaml: "upstream: {kind: fhir, url: \"http://platform.example/fhir\"}\n", want: `upstream.url: patient data needs TLS (use https://)`},
		{name: "upstream without URL", yaml: "upstream: {kind: fhir}\n", want: `upstream.url: expected the base URL of a FHIR server`},
		{name: "password in the URL", yaml: "upstream: {kind: fhir, url: \"https://u:p@x.example\"}\n", want: `upstream.url: no user or password in a URL`},
		{name: "readers on a hub", yaml: "role: hub\nreaders: {pcsc: {enabled: true}}\n", want: `f.yaml:2:10: readers: a hub has no readers`},
		{name: "USB match that is no pair", yaml: "readers:\n  usb: [{match: c35a}]\n", want: `f.yaml:2:17: readers.usb[0].match: expected vendor:product or vendor:product:serial (like "0400:c35a"; lsusb prints it)`},
		{name: "layout of a device that does not type", yaml: "readers:\n  usb: [{match: \"0400:c35a\", kind: idcard, layout: de}]\n", want: `readers.usb[0].layout: only a typing scanner has a layout`},
		{name: "card key twice", yaml: "readers:\n  card_keys: [{name: a, file: /x}, {name: a, file: /y}]\n", want: `readers.card_keys[1].name: this name is given twice`},
		{name: "USB readers on a hub", yaml: "role: hub\nreaders: {usb: [{match: \"0400:c35a\"}]}\n", want: `readers: a hub has no readers`},
		{name: "HL7 on a desk", yaml: "role: desk\nhl7: {listen: \"127.0.0.1:2575\"}\n", want: `hl7.listen: a desk does not receive HL7`},
		{name: "HL7 destination on a desk", yaml: "role: desk\nhl7: {destinations: [{name: lis, address: \"127.0.0.1:1\"}]}\n", want: `hl7.destinations: a desk sends no HL7`},
		{name: "network without a mask", yaml: "hl7: {allow: [\"10.0.0.1\"]}\n", want: `f.yaml:1:14: hl7.allow: expected a network in CIDR form`},
		{name: "sender that is everybody", yaml: "hl7: {senders: [{name: his}]}\n", want: `hl7.senders[0].application: a sender is known by its MSH-3 or MSH-4`},
		{name: "sender's certificate without a CA", yaml: "hl7: {senders: [{name: his, application: HIS, certificate: his}]}\n", want: `hl7.senders[0].certificate: no client shows a certificate without a CA`},
		{name: "forced charset that is none", yaml: "hl7: {senders: [{name: his, application: HIS, force_charset: true}]}\n", want: `hl7.senders[0].force_charset: there is no charset to force`},
		{name: "reply to nobody", yaml: "hl7: {senders: [{name: his, application: HIS, reply_to: lis}]}\n", want: `hl7.senders[0].reply_to: no destination has this name`},
		{name: "destination twice", yaml: "hl7: {destinations: [{name: lis, address: \"h:1\"}, {name: lis, address: \"h:2\"}]}\n", want: `hl7.destinations[1].name: this name is given twice`},
		{name: "destination name with a slash", yaml: "hl7: {destinations: [{name: a/b, address: \"h:1\"}]}\n", want: `hl7.destinations[0].name: expected 1 to 32 lower-case letters, digits and hyphens`},
		{name: "client certificate without TLS", yaml: "hl7: {destinations: [{name: lis, address: \"h:1\", ca_file: /x}]}\n", want: `hl7.destinations[0].tls: certificates are only used with TLS`},
		{name: "misspelt variable", env: "CARDFERRY_UPSTRAEM_URL=x", want: `environment: CARDFERRY_UPSTRAEM_URL: no key is set by this variable (did you mean CARDFERRY_UPSTREAM_URL?)`},
		{name: "bad variable", env: "CARDFERRY_UPSTREAM_TIMEOUT=30", want: `environment: CARDFERRY_UPSTREAM_TIMEOUT: expected a duration with a unit`},
		{name: "bad override", set: "upstream.wokers=3", want: `--set: upstream.wokers: unknown key (did you mean "upstream.workers"?)`},
		{name: "unknown time zone", yaml: "site: {time_zone: Mars/Base}\n", want: `site.time_zone: not a known time zone`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var env, set []string
			if tt.env != "" {
				env = []string{tt.env}
			}
			if tt.set != "" {
				set = []string{tt.set}
			}
			_, err := Parse("f.yaml", []byte(tt.yaml), env, set)
			var ps Problems
			if !errors.As(err, &ps) {
				t.Fatalf("error %v is not Problems", err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %s\nwant %s", err, tt.want)
			}
		})
	}
}

func TestEveryMistakeIsToldAtOnce(t *testing.T) {
	_, err := Parse("f.yaml", []byte("role: x\ndesk: {lisen: a}\nqueue: {quota: 5}\n"), nil, nil)
	var ps Problems
	if !errors.As(err, &ps) || len(ps) != 3 {
		t.Fatalf("want 3 problems, got %v", err)
	}
}

func TestValuesNeverAppearInProblems(t *testing.T) {
	_, err := Parse("f.yaml", []byte("upstream: {kind: fhir, url: \"https://user:s3cret@x.example\"}\n"), nil, []string{"upstream.timeout=s3cret"})
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the value leaks: %v", err)
	}
}

func TestEveryKeyIsDocumented(t *testing.T) {
	for _, l := range leaves(reflect.TypeFor[Config](), "") {
		if l.field.Tag.Get("doc") == "" {
			t.Errorf("%s has no doc tag", l.key)
		}
	}
}

func TestLoadSaysWhichFileIsMissing(t *testing.T) {
	_, err := Load(t.TempDir()+"/none.yaml", nil)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestSize(t *testing.T) {
	for in, want := range map[string]Size{"0": 0, "64MB": 64 << 20, "1.5GiB": 3 << 29, "10 kb": 10 << 10, "7B": 7, "2T": 2 << 40} {
		got, err := ParseSize(in)
		if err != nil || got != want {
			t.Errorf("%s: %d %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "5", "MB", "-1MB", "1XB", "1e9MB", "99999999T"} {
		if _, err := ParseSize(in); err == nil {
			t.Errorf("%q was accepted", in)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(string(Sample()))
	f.Add("role: [")
	f.Add("a: &a [*a]")
	f.Add("? {x: y}\n: z")
	f.Fuzz(func(t *testing.T, s string) {
		cfg, err := Parse("f", []byte(s), nil, nil)
		if (cfg == nil) == (err == nil) {
			t.Fatal("exactly one of configuration and error is expected")
		}
	})
}
