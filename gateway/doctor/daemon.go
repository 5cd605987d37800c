package doctor

import (
	"context"
	"fmt"
	"net"
	"slices"
)

func checkDaemon(ctx context.Context, m Machine) []Finding {
	const check = "daemon"
	d := m.Daemon
	if d == nil {
		return append(warn(check, "cardferry is not running", "systemctl start cardferry; if it ends again: journalctl -u cardferry -n 50"), checkAddresses(ctx, m)...)
	}
	var out []Finding
	for _, c := range d.Conditions {
		level := Warning
		if c.Severity == "error" {
			level = Error
		}
		says, do := conditionText(c.Code)
		out = append(out, Finding{level, check, says, do})
	}
	if d.Parked > 0 {
		out = append(out, warn("queue", fmt.Sprintf("%d items were refused by the platform and wait for a person", d.Parked), "cardferry queue ls; then retry or drop each")...)
	}
	if out == nil {
		out = ok(check, fmt.Sprintf("running, version %s, %d items wait for the platform", d.Version, d.Waiting))
	}
	return out
}

// conditions are the texts for what the daemon reports, by code.
var conditions = map[string][2]string{
	"driver_pcsc":             {"the PC/SC driver is not part of this build", "install the package: it is built with PC/SC"},
	"driver_usb":              {"the USB driver is not part of this build, or found no USB", "install the package; on a machine without USB set readers.new_devices: ignore"},
	"driver_serial":           {"a serial reader's configuration can never work", "journalctl -u cardferry | grep serial"},
	"read_not_queued":         {"a card's read could not be queued", "see the disk and queue findings, then read the card again"},
	"queue_quota":             {"the queue has used much of its quota", "see why the platform takes nothing: cardferry queue stat; or raise queue.quota"},
	"queue_disk_low":          {"free disk is below the reserve; messages are refused", "make room on the volume of data_dir"},
	"queue_suspect":           {"the disk failed to store items", "check the disk: dmesg, smartctl"},
	"queue_stopped":           {"the queue accepts nothing after disk errors", "check the disk: dmesg, smartctl; then systemctl restart cardferry"},
	"queue_acks":              {"deliveries cannot be recorded; they may be sent again", "check the disk: dmesg, smartctl"},
	"queue_set_aside":         {"damaged files were set aside", "look into data_dir/queue; keep the files for support"},
	"queue_damaged":           {"damaged items were parked", "cardferry queue ls"},
	"queue_unreadable":        {"a queue file cannot be read", "check the disk: dmesg, smartctl; keep the file for support"},
	"destination_unreachable": {"a system of the hospital cannot be reached; messages for it wait", "cardferry hl7 destinations says which and why"},
	"destination_refuses":     {"a system of the hospital refused a message", "cardferry hl7 destinations; then cardferry queue ls --destination NAME, retry or drop"},
	"reader_waits":            {"a new USB reader waits for approval", "cardferry readers, then cardferry readers approve ID"},
	"reader_no_permission":    {"a USB reader cannot be opened", "cardferry readers says what is missing"},
	"reader_failing":          {"a USB reader does not do what its kind should", "check cable and power, plug it in again; cardferry readers names it"},
	"reader_held_by_another":  {"a USB reader is held by another program", "cardferry readers names it"},
}

func conditionText(code string) (says, do string) {
	if t, ok := conditions[code]; ok {
		return t[0] + " (" + code + ")", t[1]
	}
	return "the daemon reports " + code, "journalctl -u cardferry -n 50"
}

// checkAddresses says which listeners could not start now.
func checkAddresses(ctx context.Context, m Machine) []Finding {
	var out []Finding
	c := m.Config
	for _, a := range []struct{ key, addr string }{
		{"desk.listen", c.Desk.Listen}, {"admin.listen", c.Admin.Listen}, {"hl7.listen", c.HL7.Listen}, {"ingest.listen", c.Ingest.Listen},
	} {
		if a.addr == "" {
			continue
		}
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", a.addr)
		if err != nil {
			out = append(out, fail("address", fmt.Sprintf("%s: %v", a.key, err), "find who has it: ss -ltnp; or change "+a.key)...)
			continue
		}
		_ = l.Close()
	}
	return slices.Clip(out)
}
