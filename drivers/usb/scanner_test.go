//go:build cgo

package usb

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"cardferry/drivers"
	"cardferry/drivers/code"
	"cardferry/drivers/rig/usbsim"
)

// rules know one code with and one without AIM identifier.
func rules(t testing.TB) *code.Rules {
	t.Helper()
	r, err := code.LoadRules(fstest.MapFS{"test.yaml": {Data: []byte(`
rules:
  - name: test-qr
    version: 1
    source: none
    medium: test-qr
    aim: [Q]
    match: 'QR(?P<digits>[0-9]+)'
    fields: {n: {from: digits}}
    output: {extras: {n: "${n}"}}
    tests: {accept: [{scan: "]Q1QR1", read: {medium: test-qr}}], reject: ["x"]}
  - name: test-bare
    version: 1
    source: none
    medium: test-bare
    match: 'BARE(?P<rest>.+)'
    fields: {n: {from: rest}}
    output: {extras: {n: "${n}"}}
    tests: {accept: [{scan: "BARE1", read: {medium: test-bare}}], reject: ["x"]}
`)}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestScansInPOSMode(t *testing.T) {
	s := usbsim.NewPOSScanner("POS1")
	b := start(t, Config{Unlisted: Use, Codes: rules(t)})
	at := plug(t, s)
	if e := b.want(drivers.Attached); e.Reader != (drivers.Reader{Name: "0c2e:0b61:POS1", Driver: Name, Kind: drivers.KindScanner}) {
		t.Errorf("reader %+v", e.Reader)
	}
	long := strings.Repeat("卡", 100)
	for _, c := range []struct {
		name, aim string
		scan      []byte
		medium    string
		extras    string
	}{
		{"a rule that knows the symbology", "]Q1", []byte("QR4711"), "test-qr", "4711"},
		{"a rule that does not ask for it", "]C0", []byte("BARE4711"), "test-bare", "4711"},
		{"no AIM identifier", "", []byte("BARE4712"), "test-bare", "4712"},
		{"GB 18030", "]Q1", []byte("BARE\xB2\xE2\xCA\xD4"), "test-bare", "测试"},
		{"many reports", "]Q1", []byte("BARE" + long), "test-bare", long},
	} {
		s.Scan(c.aim, c.scan)
		read := b.want(drivers.Completed).Read
		if read.Medium != c.medium || read.Extras["n"] != c.extras || read.Reader != "0c2e:0b61:POS1" || read.ID == "" || read.Time.IsZero() {
			t.Errorf("%s: %s, extras %q", c.name, read, read.Extras)
		}
	}

	s.Scan("]Q1", []byte("QR1"))
	s.Scan("]Q1", []byte("QR1")) // held in front of the scanner
	s.Scan("]C0", []byte("nobody knows this"))
	if read := b.want(drivers.Completed, drivers.Completed).Read; read.Extras["code"] != "nobody knows this" {
		t.Errorf("the repetition was told, or the code was lost: %s", read)
	}

	s.Scan("]Q1", bytes.Repeat([]byte{'x'}, 20_000))
	b.fault(drivers.FaultFrameTooLong)
	half := usbsim.POSReports("]Q1", bytes.Repeat([]byte{'x'}, 100))
	s.Noise(usbsim.POSScannerIn, half[0])
	b.fault(drivers.FaultFrame)
	s.Stall(usbsim.POSScannerIn)
	s.Scan("]Q1", []byte("QR2"))
	b.want(drivers.Completed)

	if err := at.Unplug(); err != nil {
		t.Fatal(err)
	}
	b.want(drivers.Detached)
	b.stop()
	b.silent()
}

func TestScannerThatTypes(t *testing.T) {
	for name, layout := range map[string]usbsim.Layout{"us": usbsim.LayoutUS(), "de": usbsim.LayoutDE(), "fr": usbsim.LayoutFR()} {
		t.Run(name, func(t *testing.T) {
			k := usbsim.NewKeyboard("KBD1", layout)
			b := start(t, Config{Codes: rules(t), Devices: []Device{{Match: "0c2e:0b64", Kind: KindKeyboard, Layout: name, Name: "desk 1"}}})
			plug(t, k)
			if e := b.want(drivers.Attached); e.Reader.Name != "desk 1" || e.Reader.Kind != drivers.KindScanner {
				t.Errorf("reader %+v", e.Reader)
			}
			for _, c := range []struct{ typed, want string }{
				{"BAREaZ-_?/yq;:1\n", "aZ-_?/yq;:1"},
				{"BAREtab\t", "tab"},
				{"BAREnothing at the end", "nothing at the end"}, // the silence ends it
			} {
				if err := k.Type(c.typed); err != nil {
					t.Fatal(err)
				}
				if read := b.want(drivers.Completed).Read; read.Extras["n"] != c.want {
					t.Errorf("%q: extras %q", c.typed, read.Extras)
				}
			}
			b.stop()
			b.silent()
		})
	}
}
