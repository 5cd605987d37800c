package decode

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The specimens of ICAO Doc 9303: part 5 appendices A and B (TD1), part 6 appendix A
// (TD2), part 4 appendix A (TD3), part 7 (visa A).
func TestMRZ(t *testing.T) {
	anna := func(more ...string) map[string]string {
		m := map[string]string{"issuer": "UTO", "surname": "ERIKSSON", "given": "ANNA MARIA", "nationality": "UTO", "birth": "740812", "sex": "F", "expires": "120415"}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	for _, tt := range []struct {
		name, in string
		want     map[string]string
		warning  string
	}{
		{"TD1", "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<",
			anna("type", "I", "number", "D23145890"), ""},
		{"TD1 with a long number", "I<UTOD23145890<7349<<<<<<<<<<<\r\n3407127M9507122UTO<<<<<<<<<<<2\r\nSTEVENSON<<PETER<JOHN<<<<<<<<<",
			map[string]string{"type": "I", "issuer": "UTO", "number": "D23145890734", "surname": "STEVENSON", "given": "PETER JOHN", "nationality": "UTO", "birth": "340712", "sex": "M", "expires": "950712"}, ""},
		{"TD1 run together", "I<UTOD231458907<<<<<<<<<<<<<<<7408122F1204159UTO<<<<<<<<<<<6ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
			anna("type", "I", "number", "D23145890"), ""},
		{"TD2", "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6",
			anna("type", "I", "number", "D23145890"), ""},
		{"TD3", "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
			anna("type", "P", "number", "L898902C3", "optional", "ZE184226B", "personal-number", "ZE184226B"), ""},
		{"visa A", "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL8988901C4XXX4009078F96121096ZE184226B<<<<<<",
			anna("type", "V", "number", "L8988901C", "nationality", "XXX", "birth", "400907", "expires", "961210", "optional", "6ZE184226B"), ""},
		{"wrong digit in the number", "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C46UTO7408122F1204159ZE184226B<<<<<10",
			anna("type", "P", "number", "L898902C4", "optional", "ZE184226B", "personal-number", "ZE184226B"), "check_digit"},
		{"wrong composite digit only", "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<7",
			anna("type", "I", "number", "D23145890"), "check_digit"},
		{"sex not said, no given name", "I<UTOERIKSSON<<<<<<<<<<<<<<<<<<<<<<<\nD231458907UTO7408122<1204159<<<<<<<6",
			map[string]string{"type": "I", "issuer": "UTO", "number": "D23145890", "surname": "ERIKSSON", "nationality": "UTO", "birth": "740812", "sex": "X", "expires": "120415"}, ""},
		{"one character short", "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<1", nil, unreadable},
		{"lower case", strings.ToLower("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6"), nil, unreadable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, warnings := elements(t, "[mrz]", TextValue(tt.in))
			if diff, code := cmp.Diff(tt.want, got), codes(warnings); diff != "" || code != tt.warning {
				t.Errorf("warning %q, want %q\n%s", code, tt.warning, diff)
			}
		})
	}
}

// A made-up symbol with every quirk seen on real ones: offsets that are wrong, a
// subfile's type in front of its first element, values that say there are none.
func TestAAMVA(t *testing.T) {
	const symbol = "@\n\x1e\rANSI 636000100102DL00410278ZV03190008DLDAQT64235789\nDCSSAMPLE\nDDEN\nDACMICHAEL\nDADNONE\nDBB06061986\nDBC1\nDAG2300 WEST BROAD STREET \nDAJVA\nDAK232690000  \nDAHunavl\nDCGUSA\n\rZVZVA01\r"
	want := map[string]string{
		"issuer": "636000", "version": "10", "DAQ": "T64235789", "DCS": "SAMPLE", "DDE": "N", "DAC": "MICHAEL", "DBB": "06061986",
		"DBC": "1", "DAG": "2300 WEST BROAD STREET", "DAJ": "VA", "DAK": "232690000", "DCG": "USA", "ZVA": "01",
	}
	for _, tt := range []struct {
		name string
		in   Value
		want map[string]string
	}{
		{"text", TextValue(symbol), want},
		{"bytes", BytesValue([]byte(symbol)), want},
		{"CR LF in place of LF", TextValue(strings.ReplaceAll(symbol, "\n", "\r\n")), want},
		{"version 1 has no jurisdiction's version", TextValue("@\n\x1e\rANSI 6360000101DL00290050DLDAQ12\nDAASAMPLE,ANN\nDBB19860606\r"),
			map[string]string{"issuer": "636000", "version": "01", "DAQ": "12", "DAA": "SAMPLE,ANN", "DBB": "19860606"}},
		{"AAMVA in the header", TextValue("@\n\x1c\rAAMVA6360000101DL00290050DLDAQ12\nDAASAMPLE\r"),
			map[string]string{"issuer": "636000", "version": "01", "DAQ": "12", "DAA": "SAMPLE"}},
		{"line ends lost", TextValue("@ANSI 636000100102DL00410278DLDAQT64235789DCSSAMPLE"),
			map[string]string{"issuer": "636000", "version": "10", "DAQ": "T64235789DCSSAMPLE"}},
		{"no subfile", TextValue("@\n\x1e\rANSI 636000100100"), nil},
		{"header cut short", TextValue("@\n\x1e\rANSI 63600"), nil},
		{"something else", TextValue("ANSI 636000100102DL00410278"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, warnings := elements(t, "[aamva]", tt.in)
			if diff := cmp.Diff(tt.want, got); diff != "" || (got == nil) != (len(warnings) > 0) {
				t.Errorf("%v\n%s", warnings, diff)
			}
		})
	}
}

func TestGS1(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     map[string]string
	}{
		{"service relation of a patient", "8018000000000000000017\x1d80191", map[string]string{"8018": "000000000000000017", "8019": "1"}},
		{"FNC1 in front", "\x1d8018000000000000000017", map[string]string{"8018": "000000000000000017"}},
		{"predefined lengths need no separator", "0109501101020917112509091095-AB\x1d21X1", map[string]string{"01": "09501101020917", "11": "250909", "10": "95-AB", "21": "X1"}},
		{"separator after a predefined length", "0109501101020917\x1d10A", map[string]string{"01": "09501101020917", "10": "A"}},
		{"all kinds of predefined length", "00000000000000000017" + "0200000000000017" + "11260101" + "2001" + "3103000150" + "410" + "1234567890128" + "10A", map[string]string{
			"00": "000000000000000017", "02": "00000000000017", "11": "260101", "20": "01", "3103": "000150", "410": "1234567890128", "10": "A"}},
		{"the first of two", "10A\x1d10B", map[string]string{"10": "A"}},
		{"brackets", "(8018)000000000000000017(8019)1", map[string]string{"8018": "000000000000000017", "8019": "1"}},
		{"brackets in a value", "(10)A(B)(C(21)1", map[string]string{"10": "A(B)(C", "21": "1"}},
		{"link", "https://id.example.org/8018/000000000000000017?8019=1", map[string]string{"8018": "000000000000000017", "8019": "1"}},
		{"link with a path in front and other parameters", "https://example.org/some/01/09501101020917/10/A%2FB?17=260101&lang=en", map[string]string{"01": "09501101020917", "10": "A/B", "17": "260101"}},
		{"link in capitals", "HTTPS://ID.EXAMPLE.ORG/8018/000000000000000017", map[string]string{"8018": "000000000000000017"}},
		{"link with an empty segment", "https://example.org/wards//8018/000000000000000017", map[string]string{"8018": "000000000000000017"}},
		{"predefined length cut short", "010950110102091", nil},
		{"no AI", "X1", nil},
		{"AI that is not one", "05123", nil},
		{"empty value", "8018", nil},
		{"value too long", "10" + strings.Repeat("A", maxGS1Value+1), nil},
		{"bracket not closed", "(8018000", nil},
		{"link without any AI", "https://example.org/about", nil},
		{"link with broken escape", "https://example.org/10/A%zz", nil},
		{"other characters", "10é", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, warnings := elements(t, "[gs1]", TextValue(tt.in))
			if diff := cmp.Diff(tt.want, got); diff != "" || (got == nil) != (len(warnings) > 0) {
				t.Errorf("%v\n%s", warnings, diff)
			}
		})
	}
}
