package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/rig/pcscd"
)

// command runs cardferry in this process.
func command(t *testing.T, stdin string, args ...string) (stdout string, err error) {
	t.Helper()
	t.Setenv("CARDFERRY_CONFIG", filepath.Join(t.TempDir(), "none.yaml"))
	cmd := root()
	var out bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestCardReplayPrintsARead(t *testing.T) {
	const twNHI = `{"atr":"3BFA1800008131FE4550564A434F503453494493","protocol":"T=1","exchange":[
	  {"c":"00A4040010D1580000010000000000000000001100","r":"9000"},
	  {"c":"00CA1100020000","r":"303030303939393930303031A4FDB4FAB8D50000000000000000000000000000413230303030303030333037353033313546313039303130319000"}]}`
	out, err := command(t, twNHI, "card", "replay", "-")
	if err != nil {
		t.Fatal(err)
	}
	var r drivers.Read
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if r.Medium != "tw-nhi" || r.Patient == nil || r.Patient.BirthDate != "1986-03-15" || r.Patient.Gender != "female" || r.Patient.Name[0].Text != "王測試" {
		t.Errorf("got %s", out)
	}
}

func TestShippedTablesPassTheirOwnTests(t *testing.T) {
	for _, what := range []string{"card", "code"} {
		out, err := command(t, "", what, "test")
		if err != nil || !strings.Contains(out, ", 0 failed") || strings.HasPrefix(out, "0 passed") {
			t.Errorf("%s test: %v\n%s", what, err, out)
		}
	}
}

func TestCodeAndIDCardDecode(t *testing.T) {
	out, err := command(t, "990101190001010018\r\n", "code", "decode")
	if err != nil || !strings.Contains(out, `"cn-resident-id"`) || !strings.Contains(out, `"1900-01-01"`) {
		t.Errorf("code: %v %s", err, out)
	}
	block, err := os.ReadFile("../../drivers/idcard/testdata/stored-block.hex")
	if err != nil {
		t.Fatal(err)
	}
	out, err = command(t, string(block), "idcard", "decode", "--hex")
	if err != nil || !strings.Contains(out, "990101190001010018") || !strings.Contains(out, "长期") && !strings.Contains(out, "chip-read") {
		t.Errorf("idcard: %v %s", err, out)
	}
	if _, err = command(t, "xyz", "idcard", "decode", "--hex"); err == nil {
		t.Error("xyz passed as hexadecimal")
	}
}

func TestExitCodes(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("site: {id: \"1\"}\ndesk:\n  lisen: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		code int
		says string
	}{
		{"bad configuration", []string{"config", "check", "--config", bad}, exitConfig, `bad.yaml:3:3: desk.lisen: unknown key (did you mean "listen"?)`},
		{"no configuration", []string{"config", "check", "--config", bad + "x"}, exitConfig, "does not exist"},
		{"bad override", []string{"config", "check", "--config", bad, "--set", "x"}, exitConfig, "lisen"},
		{"unknown flag", []string{"serve", "--nonsense"}, exitUsage, "nonsense"},
		{"unknown command", []string{"sreve"}, exitUsage, "sreve"},
		{"unknown verb", []string{"queue", "lst"}, exitUsage, "lst"},
		{"argument too many", []string{"version", "x"}, exitUsage, "--help"},
		{"drop without a reason", []string{"queue", "drop", "1", "--config", bad}, exitUsage, "--reason"},
		{"missing argument", []string{"card", "replay"}, exitUsage, "replay file"},
		{"missing file", []string{"card", "replay", bad + "x"}, exitFailed, "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := command(t, "", tt.args...)
			if err == nil || exitCode(err) != tt.code || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("exit %d, %v; want %d with %q", exitCode(err), err, tt.code, tt.says)
			}
		})
	}
}

func TestSampleConfigurationCanBeUsed(t *testing.T) {
	out, err := command(t, "", "config", "sample")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cardferry.yaml")
	if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := command(t, "", "config", "check", "--config", file); err != nil {
		t.Error(err)
	}
}

// TestDemoTellsItsStory builds the binary and runs the demo to its end: three
// daemons, cards, messages, a platform and a hub that lose power, nothing lost.
func TestDemoTellsItsStory(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three daemons")
	}
	bin := filepath.Join(t.TempDir(), "cardferry")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for _, way := range [][]string{{"demo", "--once"}, {"demo", "--once", "--pcsc"}} {
		t.Run(strings.Join(way, " "), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), bin, way...)
			cmd.WaitDelay = time.Second
			out, err := cmd.CombinedOutput()
			if bytes.Contains(out, []byte(pcscd.ErrUnavailable.Error())) || bytes.Contains(out, []byte(drivers.ErrNotBuilt.Error())) {
				t.Skipf("%s", out)
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, want := range []string{"tw-nhi", "ADT^A01 admit   AA", "Lost: 0. Twice: 0.", "nothing is left behind"} {
				if !bytes.Contains(out, []byte(want)) {
					t.Errorf("the story lacks %q:\n%s", want, out)
				}
			}
		})
	}
}
