package checkdigit

import (
	"slices"
	"strings"
	"testing"
)

// Numbers are the examples that the issuing bodies or the standards publish, or made
// up and computed.
func TestAlgorithms(t *testing.T) {
	for _, tt := range []struct {
		name string
		good []string
		bad  map[string]string // what is wrong: number
	}{
		{"cn-id", []string{"990101190001010018", "11010519491231002X", "11010519491231002x"}, map[string]string{
			"wrong digit": "990101190001010017", "no such day": "990101190002300011", "born in the year 1": "990101000101010015", "letter": "9901011900010A0018", "short": "99010119000101001", "transposed": "990101190001010108"}},
		{"tw-id", []string{"A123456789", "A200000003", "A800000014", "AB12345677"}, map[string]string{
			"wrong digit": "A123456788", "sex digit 3": "A323456789", "lower case": "a123456789", "second letter E": "AE12345677", "transposed": "A123457689"}},
		{"thai-cid", []string{"1101700230708"}, map[string]string{
			"wrong digit": "1101700230707", "short": "110170023070", "letter O": "11017002307O8", "transposed": "1101700237008"}},
		{"de-kvnr", []string{"A123456780", "X110411319"}, map[string]string{
			"wrong digit": "A123456789", "lower case": "a123456780", "short": "A12345678", "transposed": "A123456870", "no letter": "0123456780"}},
		{"de-ik", []string{"260326822", "109519005"}, map[string]string{
			"wrong digit": "109519006", "short": "10951900", "letter": "10951900A", "transposed": "109591005"}},
		{"luhn", []string{"79927398713", "00"}, map[string]string{
			"wrong digit": "79927398710", "one digit": "0", "letter": "7992739871A", "transposed": "79927389713"}},
		{"be-nn", []string{"85073003328", "01020300467", "90010100123"}, map[string]string{
			"wrong digit": "85073003329", "transposed": "85070303328", "letter": "8507300332B", "short": "8507300332", "long": "850730033280"}},
		{"it-cf", []string{"RSSMRA85T10A562S", "RSSMRA85T10A56NH", "TSTTST00A01H501O", "79927398713"}, map[string]string{
			"wrong letter": "RSSMRA85T10A562T", "transposed": "RSSMRA58T10A562S", "digit for a letter": "RSSMR185T10A562S", "letter that stands for no digit": "RSSMRA85T10A56AS",
			"lower case": "rssmra85t10a562s", "short": "RSSMRA85T10A562", "check is a digit": "RSSMRA85T10A5621"}},
		{"ch-ahv", []string{"7569217076985", "7560000000002"}, map[string]string{
			"wrong digit": "7569217076986", "transposed": "7569217079685", "another country": "7579217076984", "dots": "756.9217.0769.85", "short": "756921707698"}},
		{"at-svnr", []string{"1237010180", "9991311299", "1008011307"}, map[string]string{
			"wrong digit": "1238010180", "transposed": "1237010810", "serial from 0": "0017010180", "letter": "123701018A", "short": "123701018"}},
		{"ee-isikukood", []string{"37605030299", "49001010093", "50001010040"}, map[string]string{
			"wrong digit": "37605030298", "no such day": "37602300299", "century 9": "97605030299", "letter": "3760503029A", "short": "3760503029", "transposed": "37605030929"}},
		{"rs-jmbg", []string{"0101006500006", "0101990710008", "0101990710040", "0101990710130"}, map[string]string{
			"wrong digit": "0101006500007", "no such day": "3002990710008", "no such month": "0113990710008", "letter": "010199071000A", "short": "010199071000", "transposed": "0101909710008"}},
		{"dk-cpr", []string{"0707614285", "0101900002", "0101105008", "2902004001"}, map[string]string{
			"wrong digit": "0707614286", "no such day": "3102614285", "29 February 1900": "2902000002", "letter": "070761428A", "hyphen": "070761-4285", "transposed": "0707616485"}},
		{"fr-nir", []string{"255081416802538", "190012A00400163", "190012B00400190"}, map[string]string{
			"wrong key": "255081416802539", "transposed": "255081461802538", "Corsica as 20": "190012000400163", "letter elsewhere": "25508141680253A", "sex 9": "955081416802538", "no key": "2550814168025"}},
		{"verhoeff", []string{"2363", "123451", "84736430954837284567892", "999999990019"}, map[string]string{
			"wrong digit": "2364", "transposed": "2633", "letter": "236A", "one digit": "0", "empty": ""}},
		{"ar-cuil", []string{"20123456786", "27000000014", "23000000019"}, map[string]string{
			"wrong digit": "20123456787", "transposed": "20124356786", "no such type": "21123456786", "would need ten": "20000000010", "hyphens": "20-12345678-6"}},
		{"gs1", []string{"4006381333931", "950110153012345677", "000000000000000017"}, map[string]string{
			"wrong digit": "4006381333932", "transposed": "4006381339331", "letter": "400638133393A", "one digit": "0"}},
		{"mod11-2", []string{"07940", "079X", "11010519491231002X"}, map[string]string{
			"wrong digit": "07941", "transposed": "09740", "X inside": "07X40", "lower case": "079x", "one character": "X"}},
		{"iccsn", []string{"80276001081699900578", "80756000000000000000"}, map[string]string{
			"short": "8027600108169990057", "another industry": "90276001081699900578", "letter": "8027600108169990057A"}},
		{"pt-nif", []string{"999999990", "123456789", "501442600"}, map[string]string{
			"wrong digit": "123456788", "transposed": "123465789", "letter": "12345678A", "short": "12345678"}},
		{"pt-sns", []string{"123456789"}, map[string]string{"short": "12345678", "letter": "12345678A", "from 0": "023456789"}},
		{"my-kad", []string{"800101145678", "000229105678", "991231014321"}, map[string]string{
			"no such month": "801301145678", "29 February in no leap year": "990229145678", "place of birth 00": "800101005678", "letter": "80010114567A", "short": "80010114567"}},
		{"ae-id", []string{"784198000000004", "784200112345671"}, map[string]string{
			"wrong digit": "784198000000005", "another country": "785198000000003", "year 1000": "784100012345674", "transposed": "784200121345671", "hyphens": "784-1980-0000000-4"}},
		{"vn-cccd", []string{"001090012345", "096199999999", "079301000000"}, map[string]string{
			"province 000": "000090012345", "province 097": "097090012345", "born from 2100": "001490012345", "letter": "00109001234A", "short": "00109001234"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := slices.IndexFunc(Algorithms(), func(a Algorithm) bool { return a.Name == tt.name })
			if i < 0 {
				t.Fatal("no such algorithm")
			}
			valid := Algorithms()[i].Valid
			for _, s := range tt.good {
				if !valid(s) {
					t.Errorf("%s does not pass", s)
				}
			}
			for what, s := range tt.bad {
				if valid(s) {
					t.Errorf("%s: %s passes", what, s)
				}
			}
			for _, s := range []string{"", " ", tt.good[0] + " ", tt.good[0] + "0", "\xff\x00", strings.Repeat("1", 100) + "X"} {
				if valid(s) && tt.name != "luhn" && tt.name != "gs1" && tt.name != "verhoeff" && tt.name != "mod11-2" {
					t.Errorf("%q passes", s)
				}
			}
		})
	}
}

// The list is in order, complete and documented.
func TestAlgorithmsAreDescribed(t *testing.T) {
	all := Algorithms()
	if len(all) < 24 || !slices.IsSortedFunc(all, func(a, b Algorithm) int { return strings.Compare(a.Name, b.Name) }) {
		t.Errorf("%d algorithms, or not in order", len(all))
	}
	for _, a := range all {
		if a.Doc == "" || a.Valid == nil {
			t.Errorf("%s is not described", a.Name)
		}
	}
}

// ICAO Doc 9303-3, section 4.9 and appendix A.
func TestMRZ(t *testing.T) {
	for _, tt := range []struct {
		field, digit string
		want         bool
	}{
		{"520727", "3", true}, {"AB2134<<<", "5", true}, {"L898902C3", "6", true}, {"740812", "2", true},
		{"<<<<<<<<<<<<<<", "<", true}, {"<<<<<<<<<<<<<<", "0", true}, {"520727", "4", false}, {"520727", "<", false},
		{"52072a", "3", false}, {"520727", "", false}, {"520727", "33", false}, {"520727", "X", false},
	} {
		if got := MRZ(tt.field, tt.digit); got != tt.want {
			t.Errorf("%s %s: got %v", tt.field, tt.digit, got)
		}
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
		{"verhoeff", Verhoeff, "84736430954837284567892", 0},
		{"gs1", GS1, "4006381333931", 0},
		{"mod11-2", Mod11_2, "07940", 0},
		{"ahv", SwissAHV, "7569217076985", 0},
		{"svnr", AustrianSVNR, "1237010180", 0},
		{"national number", BelgianNN, "85073003328", 0},
		{"nir", FrenchNIR, "255081416802538", 0},
		{"jmbg", JMBG, "0101990710008", 7},
		{"cuil", ArgentineCUIL, "20123456786", 2},
		{"emirates", EmiratesID, "784198000000004", 0},
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

// Verhoeff's notices every transposition of neighbours as well.
func TestVerhoeffTranspositions(t *testing.T) {
	const good = "84736430954837284567892"
	for i := range len(good) - 1 {
		bad := []byte(good)
		bad[i], bad[i+1] = bad[i+1], bad[i]
		if bad[i] != bad[i+1] && Verhoeff(string(bad)) {
			t.Errorf("transposition at %d is not noticed", i)
		}
	}
}

// No text makes an algorithm panic, and the ones of a fixed length pass no other.
func FuzzCheckDigits(f *testing.F) {
	for _, s := range []string{"", "A123456789", "990101190001010018", "1101700230708", "\xff\x00", "RSSMRA85T10A562S", "190012A00400163"} {
		f.Add(s)
	}
	lengths := map[string][]int{
		"tw-id": {10}, "thai-cid": {13}, "de-ik": {9}, "de-kvnr": {10}, "cn-id": {18}, "be-nn": {11}, "it-cf": {11, 16}, "ch-ahv": {13}, "at-svnr": {10}, "ee-isikukood": {11},
		"rs-jmbg": {13}, "dk-cpr": {10}, "fr-nir": {15}, "ar-cuil": {11}, "iccsn": {20}, "pt-nif": {9}, "pt-sns": {9}, "my-kad": {12}, "ae-id": {15}, "vn-cccd": {12},
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, a := range Algorithms() {
			if n := lengths[a.Name]; a.Valid(s) && n != nil && !slices.Contains(n, len(s)) {
				t.Errorf("%s: %d characters pass", a.Name, len(s))
			}
		}
		r, ok := ParseCNResident(s)
		if ok && (len(r.Number) != 18 || r.Birth.IsZero()) || Luhn(s) && !digits(s) {
			t.Error("a wrong number passes")
		}
		if len(s) > 1 {
			_ = MRZ(s[:len(s)-1], s[len(s)-1:])
		}
	})
}
