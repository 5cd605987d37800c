package hl7

import (
	"errors"
	"testing"
	"time"
)

func TestTimeKeepsPrecisionAndZone(t *testing.T) {
	shanghai := time.FixedZone("", 8*3600)
	tests := []struct {
		in        string
		precision Precision
		zone      bool
		want      string // RFC 3339
	}{
		{"1952", Year, false, "1952-01-01T00:00:00+08:00"},
		{"195202", Month, false, "1952-02-01T00:00:00+08:00"},
		{"19520211", Day, false, "1952-02-11T00:00:00+08:00"},
		{"1952021113", Hour, false, "1952-02-11T13:00:00+08:00"},
		{"195202111304", Minute, false, "1952-02-11T13:04:00+08:00"},
		{"19520211130405", Second, false, "1952-02-11T13:04:05+08:00"},
		{"19520211130405.1", Fraction, false, "1952-02-11T13:04:05.1+08:00"},
		{"19520211130405.1234", Fraction, false, "1952-02-11T13:04:05.1234+08:00"},
		{"19520211130405.1200", Fraction, false, "1952-02-11T13:04:05.12+08:00"},
		{"20260102030405.123+0100", Fraction, true, "2026-01-02T03:04:05.123+01:00"},
		{"19690101000000+0800", Second, true, "1969-01-01T00:00:00+08:00"},
		{"202601020304-0330", Minute, true, "2026-01-02T03:04:00-03:30"},
		{"2026-0500", Year, true, "2026-01-01T00:00:00-05:00"},
		{"20240229", Day, false, "2024-02-29T00:00:00+08:00"},
		{"20260101+0000", Day, true, "2026-01-01T00:00:00Z"},
	}
	for _, tt := range tests {
		got, err := ParseTime(tt.in, shanghai)
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		if got.Precision != tt.precision || got.HasZone != tt.zone || got.Time.Format(time.RFC3339Nano) != tt.want {
			t.Errorf("%s: %+v %s", tt.in, got, got.Time.Format(time.RFC3339Nano))
		}
		if got.String() != tt.in {
			t.Errorf("%s comes back as %s", tt.in, got)
		}
	}
}

func TestTimeRefuses(t *testing.T) {
	for _, in := range []string{"", "00000000", "2008081830", "20260230", "20230229", "19521301", "19520100", "195", "19520", "1952021113040",
		"19520211240000", "19520211136000", "19520211130460", "1952.1", "19520211130405.", "19520211130405.12345", "19520211130405,1",
		"2026-01-02", "20260102+8", "20260102+1500", "20260102+0860", "20260102+08:00", "+0800", "2026O102", "２０２６", "20260102 ", "20260102T01"} {
		if got, err := ParseTime(in, nil); !errors.Is(err, ErrBadTime) {
			t.Errorf("%q: %v, want ErrBadTime", in, got)
		}
	}
}

func TestTimeInAClockChange(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no zone database here")
	}
	if _, err := ParseTime("20260329023000", berlin); err != nil {
		t.Errorf("an hour that a clock change skips is still a valid value: %v", err)
	}
}

func TestZoneOfTheMessage(t *testing.T) {
	def := time.FixedZone("default", 3600)
	for msh7, want := range map[string]int{"20260102030405+0800": 8 * 3600, "20260102030405-0330": -(3*3600 + 1800), "20260102": 3600, "": 3600, "nonsense": 3600} {
		m := parse(t, `MSH|^~\&|||||`+msh7)
		if _, got := time.Date(2026, 1, 1, 0, 0, 0, 0, m.Zone(def)).Zone(); got != want {
			t.Errorf("MSH-7 %q: offset %d, want %d", msh7, got, want)
		}
	}
}
