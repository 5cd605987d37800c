package decode

import "testing"

// Dates become FHIR dates; "!" stands for unreadable, "" for absent.
func TestDates(t *testing.T) {
	for _, tt := range []struct{ pattern, in, want string }{
		{"yyyymmdd", "19870215", "1987-02-15"},
		{"yyyymmdd", "20000229", "2000-02-29"},
		{"yyyymmdd", "19000229", "!"},
		{"yyyymmdd", "19870200", "1987-02"},
		{"yyyymmdd", "19870000", "1987"},
		{"yyyymmdd", "19870015", "1987"},
		{"yyyymmdd", "00000000", ""},
		{"yyyymmdd", "        ", ""},
		{"yyyymmdd", "19871301", "!"},
		{"yyyymmdd", "19870432", "!"},
		{"yyyymmdd", "1987021", "!"},
		{"yyyymmdd", "198702155", "!"},
		{"yyyymmdd", "1987O215", "!"},
		{"yyyymmdd", "99999999", "!"},
		{"yyyymmdd", "17990101", "!"},
		{"dd.mm.yyyy", "15.02.1987", "1987-02-15"},
		{"dd.mm.yyyy", "15-02-1987", "!"},
		{"ddmmyyyy", "15021987", "1987-02-15"},
		{"{layout: yyymmdd, calendar: roc}", "0750315", "1986-03-15"},
		{"{layout: yyymmdd, calendar: roc}", "750315", "1986-03-15"},
		{"{layout: yyymmdd, calendar: roc}", " 750315", "1986-03-15"},
		{"{layout: yyymmdd, calendar: roc}", "1010101", "2012-01-01"},
		{"{layout: yyymmdd, calendar: roc}", "0010101", "1912-01-01"},
		{"{layout: yyymmdd, calendar: roc}", "0010000", "1912"},
		{"{layout: yyymmdd, calendar: roc}", "0000101", ""},
		{"{layout: yyyymmdd, calendar: buddhist}", "25330721", "1990-07-21"},
		{"{layout: yyyymmdd, calendar: buddhist}", "25430229", "2000-02-29"},
		{"{layout: yyyymmdd, calendar: buddhist}", "25440229", "!"},
		{"{layout: yyyymmdd, calendar: buddhist}", "25330000", "1990"},
		{"{layout: yyyymmdd, calendar: buddhist, never: [\"99999999\"]}", "99999999", ""},
		{"dd.mm.yyyy", "00.02.1987", "1987-02"},
		{"yyyy", "1987", "1987"},
		{"mm/yyyy", "02/1987", "1987-02"},
		{"{layout: dd mm yyyy}", "15 02 1987", "1987-02-15"},
		{"{layout: dd mm yyyy}", "15   02\t1987", "1987-02-15"},
		{"{layout: dd mm yyyy}", "15021987", "!"},
		{"{layout: [dd.mm.yyyy, yyyymmdd]}", "19870215", "1987-02-15"},
		{"{layout: [dd.mm.yyyy, yyyymmdd]}", "15.02.1987", "1987-02-15"},
		{"{layout: [mmddyyyy, ddmmyyyy]}", "02151987", "1987-02-15"},
		{"{layout: [mmddyyyy, ddmmyyyy]}", "15021987", "1987-02-15"},
		{"{layout: [dd.mm.yyyy, yyyymmdd]}", "1987", "!"},
		{"{layout: yymmdd, pivot: birth}", "870215", "1987-02-15"},
		{"{layout: yymmdd, pivot: birth}", "261124", "2026-11-24"},
		{"{layout: yymmdd, pivot: birth}", "261126", "1926-11-26"},
		{"{layout: yymmdd, pivot: birth}", "000101", "2000-01-01"},
		{"{layout: yymmdd, pivot: birth}", "870000", "1987"},
		{"{layout: yymmdd, pivot: birth}", "870230", "!"},
		{"{layout: yymmdd, pivot: expiry}", "320215", "2032-02-15"},
		{"{layout: yymmdd, pivot: expiry}", "760215", "2076-02-15"},
		{"{layout: yymmdd, pivot: expiry}", "770215", "1977-02-15"},
		{"{layout: mmyy, pivot: expiry}", "0228", "2028-02-29"},
		{"{layout: mmyy, pivot: expiry}", "1225", "2025-12-31"},
		{"{layout: mmyy, pivot: expiry}", "1325", "!"},
		{"{layout: dd mon yyyy, months: [fr, nl, de]}", "15 FEV  1987", "1987-02-15"},
		{"{layout: dd mon yyyy, months: [fr, nl, de]}", "15 mars 1987", "1987-03-15"},
		{"{layout: dd mon yyyy, months: [fr, nl, de]}", "01 MAAR 1987", "1987-03-01"},
		{"{layout: dd mon yyyy, months: [fr, nl, de]}", "01 JUIN 1987", "1987-06-01"},
		{"{layout: dd mon yyyy, months: [fr, nl, de]}", "01 JUN 1987", "1987-06-01"},
		{"{layout: [dd mon yyyy, dd.mon.yyyy, yyyy], months: [fr, nl, de]}", "24.MÄR.1987", "1987-03-24"},
		{"{layout: [dd mon yyyy, dd.mon.yyyy, yyyy], months: [fr, nl, de]}", "1987", "1987"},
		{"{layout: dd mon yyyy, months: [en]}", "01 MARS 1987", "!"},
		{"{layout: dd mon yyyy, months: [en]}", "01 MAY 1987", "1987-05-01"},
		{"[dd.mm.yyyy, yyyymmdd]", "19870215", "1987-02-15"},
		{"generalized", "19870215000000Z", "1987-02-15"},
		{"generalized", "198702150000Z", "1987-02-15"},
		{"generalized", "19870215120000.5+0100", "1987-02-15"},
		{"generalized", "19870215", "!"},
		{"generalized", "19870215120000Zx", "!"},
		{"generalized", "19870231000000Z", "!"},
		{"{layout: ddmmyyyy, calendar: buddhist}", "21072533", "1990-07-21"},
	} {
		t.Run(tt.pattern+" "+tt.in, func(t *testing.T) {
			v, warnings := through(pipeline(t, "[date: "+tt.pattern+"]"), TextValue(tt.in), Options{})
			got := string(v.Bytes())
			if len(warnings) > 0 {
				got = "!"
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
