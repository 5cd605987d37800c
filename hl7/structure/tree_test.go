package structure

import (
	"errors"
	"strings"
	"sync"
	"testing"
)

func printed(t *testing.T, raw string, o TreeOptions) string {
	t.Helper()
	var sb strings.Builder
	if err := Tree(&sb, parse(t, raw), o); err != nil {
		t.Fatal(err)
	}
	return sb.String()
}

// TestTreeValues looks at one line each.
func TestTreeValues(t *testing.T) {
	raw := message("ORU^R01^ORU_R01", "2.5.1", pid, obr,
		`OBX|1|FT|N^Note^L||line one\.br\line two|""|`+strings.Repeat("9", 200)+"| N|||F", "OBX|2|CE|A^B^L||1^2&3~4", "ZPI|a^b&c||d~e", "no segment")
	for _, want := range []string{
		`    5        Observation Value (FT)                "line one\nline two"`,
		`    6        Units                                 "" (delete)`,
		`    8        Abnormal Flags                        " N"`,
		strings.Repeat("9", 100) + " ... (200 characters)",
		"      .2       Text\n", "    .1                                         2\n", "    .2                                         3\n",
		"    5[2]     Observation Value (CE)                4\n",
		"ZPI  (segment of the site)\n", "    3                                              d\n", "    3[2]                                           e\n",
		"?    (line without a segment name)  no segment\n",
	} {
		if got := printed(t, raw, TreeOptions{Values: true}); !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if got := printed(t, raw, TreeOptions{Values: true, Width: -1}); !strings.Contains(got, strings.Repeat("9", 200)+"\n") {
		t.Error("a value is cut although all was asked for")
	}
	if got := printed(t, raw, TreeOptions{}); !strings.Contains(got, "(200 characters)\n") {
		t.Error("the length of a value is not there")
	}
}

// TestTreeGroups looks at the groups alone.
func TestTreeGroups(t *testing.T) {
	nte := "NTE|1||x"
	raw := message("ORU^R01^ORU_R01", "2.5.1", pid, obr, obx, nte, obx, obr, obx, pid, "ORC|RE", obr)
	var got []string
	for line := range strings.Lines(printed(t, raw, TreeOptions{})) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if name == "" || name[0] < 'A' || name == "ORU^R01 (ORU_R01), version 2.5.1, UTF-8, 11 segments" {
			continue
		}
		before, _, _ := strings.Cut(line, name)
		got = append(got, before+name)
	}
	want := `MSH
PATIENT_RESULT
  PATIENT
    PID
  ORDER_OBSERVATION
    OBR
    OBSERVATION
      OBX
      NTE
    OBSERVATION[2]
      OBX
  ORDER_OBSERVATION[2]
    OBR
    OBSERVATION
      OBX
PATIENT_RESULT[2]
  PATIENT
    PID
  ORDER_OBSERVATION
    ORC
    OBR`
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestTreeWriteError(t *testing.T) {
	if err := Tree(brokenWriter{}, parse(t, message("ADT^A01", "2.5.1", evn, pid, pv1)), TreeOptions{}); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}

// TestFirstUse asks for everything at once, as a gateway does after its start.
func TestFirstUse(t *testing.T) {
	var wg sync.WaitGroup
	for _, version := range versions {
		for range 4 {
			wg.Go(func() {
				m := parse(t, message("ADT^A01", version, evn, pid, pv1))
				Validate(m, Options{})
				if name, ok := SegmentName("PID", version); !ok || name != "Patient Identification" {
					t.Errorf("%s: %q", version, name)
				}
			})
		}
	}
	wg.Wait()
}
