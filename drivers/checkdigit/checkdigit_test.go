package checkdigit

import "testing"

// Numbers here are made up; most are the examples that the issuing bodies
// publish, the others were computed.
func TestCheckDigits(t *testing.T) {
	cn := func(s string) bool { _, ok := ParseCNResident(s); return ok }
	for _, tt := range []struct {
		name   string
		valid  func(string) bool
		number string
		want   bool
	}{
		{"cn valid", cn, "990101190001010018", true},
		{"cn valid, X", cn, "11010519491231002X", true},
		{"cn valid, x", cn, "11010519491231002x", true},
		{"cn wrong digit", cn, "990101190001010017", false},
		{"cn no such day", cn, "990101190002300011", false},
		{"cn letter inside", cn, "9901011900010A0018", false},
		{"cn short", cn, "99010119000101001", false},
		{"tw national", TWNational, "A123456789", true},
		{"tw national female", TWNational, "A200000003", true},
		{"tw new resident number", TWNational, "A800000014", true},
		{"tw old resident number", TWNational, "AB12345677", true},
		{"tw wrong digit", TWNational, "A123456788", false},
		{"tw sex digit 3", TWNational, "A323456789", false},
		{"tw lower case", TWNational, "a123456789", false},
		{"tw second letter E", TWNational, "AE12345677", false},
		{"tw empty", TWNational, "", false},
		{"th valid", ThaiCitizen, "1101700230708", true},
		{"th wrong digit", ThaiCitizen, "1101700230707", false},
		{"th short", ThaiCitizen, "110170023070", false},
		{"th letters", ThaiCitizen, "11017002307O8", false},
		{"de kvnr", GermanKVNR, "A123456780", true},
		{"de kvnr two-digit letter", GermanKVNR, "X110411319", true},
		{"de kvnr wrong digit", GermanKVNR, "A123456789", false},
		{"de kvnr lower case", GermanKVNR, "a123456780", false},
		{"de kvnr short", GermanKVNR, "A12345678", false},
		{"de ik", GermanIK, "260326822", true},
		{"de ik, another", GermanIK, "109519005", true},
		{"de ik wrong digit", GermanIK, "109519006", false},
		{"de ik short", GermanIK, "10951900", false},
		{"luhn", Luhn, "79927398713", true},
		{"luhn wrong digit", Luhn, "79927398710", false},
		{"luhn one digit", Luhn, "0", false},
		{"luhn letter", Luhn, "7992739871A", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.valid(tt.number); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// These algorithms notice every single wrong digit. (The Thai one does not: its
// third digit has weight 11 modulo 11.)
func TestSingleDigitErrors(t *testing.T) {
	for _, tt := range []struct {
		name  string
		valid func(string) bool
		good  string
		from  int // digits before do not count
	}{
		{"kvnr", GermanKVNR, "A123456780", 1},
		{"ik", GermanIK, "109519005", 2},
		{"luhn", Luhn, "79927398713", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for i := tt.from; i < len(tt.good); i++ {
				for c := byte('0'); c <= '9'; c++ {
					bad := []byte(tt.good)
					bad[i] = c
					if c != tt.good[i] && tt.valid(string(bad)) {
						t.Errorf("position %d: wrong digit not noticed", i)
					}
				}
			}
		})
	}
}

func FuzzCheckDigits(f *testing.F) {
	for _, s := range []string{"", "A123456789", "990101190001010018", "1101700230708", "\xff\x00"} {
		f.Add(s)
	}
	lengths := map[int]func(string) bool{10: TWNational, 13: ThaiCitizen, 9: GermanIK}
	f.Fuzz(func(t *testing.T, s string) {
		for n, valid := range lengths {
			if valid(s) && len(s) != n {
				t.Errorf("%d characters pass for %d", len(s), n)
			}
		}
		r, ok := ParseCNResident(s)
		if ok && (len(r.Number) != 18 || r.Birth.IsZero()) || GermanKVNR(s) && len(s) != 10 || Luhn(s) && !digits(s) {
			t.Error("a wrong number passes")
		}
	})
}
