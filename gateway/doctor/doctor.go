// Package doctor looks at a machine the way an experienced colleague would and
// says what is wrong and how to mend it: the configuration and what it names, the
// readers and who holds them, the daemon, the disk and the way to the platform.
//
// It reads and asks; it changes nothing, touches no card and shows no patient
// data.
package doctor

import (
	"context"

	"cardferry/configs"
)

// Level says how bad a finding is.
type Level string

// The levels of a finding.
const (
	OK      Level = "ok"
	Warning Level = "warning" // works, or will stop working
	Error   Level = "error"   // does not work
)

// Finding is what one check found.
type Finding struct {
	Level Level `json:"level"`
	// Check is what was looked at, a stable name: "disk", "pcsc".
	Check string `json:"check"`
	// Says is what was found, one sentence.
	Says string `json:"says"`
	// Do is how to mend it, a command where there is one. Empty with OK.
	Do string `json:"do,omitempty"`
}

// Machine is what is examined.
type Machine struct {
	Config *configs.Config
	// TestTables replays the tests of all tables; it returns how many profiles,
	// rules and tests there are.
	TestTables func(ctx context.Context) (TablesReport, error)
	// Daemon asks the running daemon; nil when none answers.
	Daemon *Daemon
}

// TablesReport counts a site's tables, its own and the shipped ones.
type TablesReport struct {
	Cards, Codes, Tests int
	Failed              []string // names of tests that fail
}

// Daemon is what the running daemon says of itself.
type Daemon struct {
	Version    string
	Conditions []Condition
	Parked     int
	Waiting    int
	Upstream   string // "up", "down", "unknown", "off"
	// Devices are the USB readers that wait for approval.
	Unapproved []string
}

// Condition is something the daemon says is wrong.
type Condition struct {
	Code     string
	Severity string
}

// Examine runs every check and returns what they found, in the order a person
// would look: each check whatever the others say.
func Examine(ctx context.Context, m Machine) []Finding {
	checks := []func(context.Context, Machine) []Finding{
		checkDataDir, checkClock, checkTables, checkDaemon, checkPCSC, checkSerial, checkUSB, checkUpstream, checkDestinations, checkCertificates,
	}
	var found []Finding
	for _, check := range checks {
		if ctx.Err() != nil {
			break
		}
		found = append(found, check(ctx, m)...)
	}
	return found
}

// Worst returns the worst level among findings.
func Worst(findings []Finding) Level {
	worst := OK
	for _, f := range findings {
		if f.Level == Error || f.Level == Warning && worst == OK {
			worst = f.Level
		}
	}
	return worst
}

func ok(check, says string) []Finding { return []Finding{{OK, check, says, ""}} }
func warn(check, says, do string) []Finding {
	return []Finding{{Warning, check, says, do}}
}
func fail(check, says, do string) []Finding {
	return []Finding{{Error, check, says, do}}
}
