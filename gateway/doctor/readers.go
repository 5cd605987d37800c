package doctor

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"cardferry/configs"
	"cardferry/drivers"
	"cardferry/drivers/pcsc"
)

// askWithin is how long the smart card service has to answer.
const askWithin = 5 * time.Second

func checkPCSC(ctx context.Context, m Machine) []Finding {
	const check = "pcsc"
	if !m.Config.Readers.PCSC.Enabled {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	readers, fault := pcsc.Survey(ctx)
	if fault != nil {
		return fail(check, fault.Detail, serviceRemedy(fault.Code))
	}
	if len(readers) == 0 {
		return warn(check, "the smart card service answers, but knows no reader", "plug one in; a reader that lsusb shows and pcscd does not needs its driver (libccid, or the vendor's)")
	}
	var out []Finding
	for _, r := range readers {
		switch {
		case r.Exclusive:
			out = append(out, warn(check, fmt.Sprintf("%s: another program holds the card for itself%s", r.Name, clients()), "end that program, or the card function in it")...)
		case r.Mute:
			out = append(out, warn(check, r.Name+": the card in it does not answer", "turn the card, wipe its contacts; memory cards need a reader that can")...)
		default:
			out = append(out, ok(check, r.Name+map[bool]string{true: ", with a card", false: ""}[r.Card])...)
		}
	}
	return out
}

func serviceRemedy(code drivers.FaultCode) string {
	switch code {
	case drivers.FaultAccessDenied:
		return "reinstall the package: it brings the polkit rule for the user cardferry (60-cardferry-pcsc.rules); or run doctor as root"
	case drivers.FaultNotBuilt:
		return "install the package: it is built with PC/SC"
	}
	return "apt-get install pcscd libccid; systemctl enable --now pcscd.socket"
}

// clients names the programs that may hold a card.
func clients() string {
	var names []string
	for _, p := range smartcardClients() {
		names = append(names, p.String())
	}
	if names == nil {
		return ""
	}
	return "; these use the smart card service: " + strings.Join(names, ", ")
}

func checkSerial(_ context.Context, m Machine) []Finding {
	const check = "serial"
	if len(m.Config.Readers.Serial) == 0 {
		return nil
	}
	attached, err := Hardware()
	var out []Finding
	for _, s := range m.Config.Readers.Serial {
		if id, found := strings.CutPrefix(s.Port, "usb:"); found {
			out = append(out, checkUSBPort(id, attached, err)...)
			continue
		}
		info, err := os.Stat(s.Port)
		switch {
		case os.IsNotExist(err):
			out = append(out, fail(check, s.Port+" is not there", "plug the reader in; its name is in /dev/serial/by-id; or name it by its USB numbers: usb:VVVV:PPPP")...)
		case err != nil:
			out = append(out, fail(check, fmt.Sprintf("%s: %v", s.Port, err), "run as root")...)
		case info.Mode()&os.ModeCharDevice == 0:
			out = append(out, fail(check, s.Port+" is not a serial port", "correct readers.serial")...)
		case denied(s.Port):
			out = append(out, fail(check, s.Port+": permission denied for this user", "the user needs the group dialout: usermod -aG dialout cardferry")...)
		default:
			out = append(out, checkPort(s, attached)...)
		}
	}
	return out
}

func checkPort(s configs.Serial, attached []Device) []Finding {
	for _, d := range attached {
		if d.Bus != "serial" || !sameDevice(d, s.Port) {
			continue
		}
		if by := d.held(); by != "" {
			return fail("serial", s.Port+" is held by "+by, "end that program; ModemManager: systemctl disable --now ModemManager")
		}
	}
	return ok("serial", s.Port+", "+s.Kind)
}

func sameDevice(d Device, port string) bool {
	if d.Name == port {
		return true
	}
	a, err1 := os.Stat(d.Name)
	b, err2 := os.Stat(port)
	return err1 == nil && err2 == nil && os.SameFile(a, b)
}

func checkUSBPort(id string, attached []Device, err error) []Finding {
	if err != nil {
		return warn("serial", err.Error(), "see the list of devices that the operating system shows")
	}
	for _, d := range attached {
		if d.Bus == "serial" && matches(d, id) {
			if by := d.held(); by != "" {
				return fail("serial", "usb:"+id+" is held by "+by, "end that program")
			}
			if d.Denied {
				return fail("serial", "usb:"+id+": permission denied for this user", "usermod -aG dialout cardferry")
			}
			return ok("serial", "usb:"+id+" is "+d.Name)
		}
	}
	return fail("serial", "no serial port of usb:"+id+" is plugged in", "plug the reader in; lsusb shows its numbers")
}

// matches says whether a device is VVVV:PPPP or VVVV:PPPP:SERIAL.
func matches(d Device, id string) bool {
	return strings.EqualFold(d.USB, id) || d.Serial != "" && strings.EqualFold(d.USB+":"+d.Serial, id)
}

func checkUSB(_ context.Context, m Machine) []Finding {
	const check = "usb"
	r := m.Config.Readers
	if len(r.USB) == 0 && (r.NewDevices == configs.NewDevicesIgnore || m.Daemon == nil) {
		return nil
	}
	var out []Finding
	if m.Daemon != nil {
		for _, id := range m.Daemon.Unapproved {
			out = append(out, warn(check, id+" waits for approval", "cardferry readers approve '"+id+"'")...)
		}
	}
	attached, err := Hardware()
	if err != nil {
		return append(out, warn(check, err.Error(), "see the list of devices that the operating system shows")...)
	}
	for _, u := range r.USB {
		out = append(out, checkListed(u, attached)...)
	}
	return out
}

func checkListed(u configs.USB, attached []Device) []Finding {
	const check = "usb"
	var out []Finding
	for _, d := range attached {
		if d.Bus != "usb" || !matches(d, u.Match) {
			continue
		}
		switch by := d.held(); {
		case d.Denied:
			out = append(out, fail(check, u.Match+": permission denied for this user", "add a udev rule: SUBSYSTEM==\"usb\", ATTR{idVendor}==\""+u.Match[:4]+"\", ATTR{idProduct}==\""+u.Match[5:9]+"\", GROUP=\"cardferry\", MODE=\"0660\"; then re-plug")...)
		case by != "":
			out = append(out, fail(check, u.Match+" is held by "+by, "end that program")...)
		default:
			out = append(out, ok(check, u.Match+" at USB port "+d.Name+" "+d.Product)...)
		}
	}
	if out == nil {
		return fail(check, u.Match+" is not plugged in", "plug it in; lsusb shows what is there")
	}
	return out
}
