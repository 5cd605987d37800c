package gateway

import (
	"context"
	"errors"

	"cardferry/drivers/card"
	"cardferry/drivers/usb"
	"cardferry/gateway/admin"
	"cardferry/gateway/desk"
)

// readers is what the operator sees of the readers.
func (g *Gateway) readers() admin.Readers {
	var out admin.Readers
	for _, r := range g.desk.Readers() {
		x := admin.Reader{
			Name: r.Name, Driver: r.Driver, Kind: r.Kind, Simulated: r.Simulated,
			State: string(r.State), Since: r.Since,
		}
		if r.Fault != nil {
			x.Fault, x.Detail = string(r.Fault.Code), r.Fault.Detail
		}
		out.Readers = append(out.Readers, x)
	}
	for _, f := range g.devices() {
		out.Devices = append(out.Devices, admin.Device{
			ID: f.ID, Product: f.Product, Kind: f.Kind, State: string(f.State), Remedy: f.Remedy,
		})
	}
	return out
}

func (g *Gateway) devices() []usb.Found {
	if g.usb == nil {
		return nil
	}
	return g.usb.Found()
}

// approve keeps a person's decision about a USB device and acts on it at once.
func (g *Gateway) approve(id string, approved bool) error {
	if err := g.approvals.set(id, approved); err != nil {
		return err
	}
	g.log.Info("USB reader decided on", "device", id, "approved", approved)
	if g.usb != nil {
		g.usb.Recheck()
	}
	return nil
}

// deviceConditions are the codes for devices that a person has to do something
// about.
var deviceConditions = map[usb.State]struct {
	condition string
	severity  desk.Severity
}{
	usb.StateWaiting:      {condition: "reader_waits", severity: desk.SeverityInfo},
	usb.StateNoPermission: {condition: "reader_no_permission", severity: desk.SeverityWarning},
	usb.StateClaimed:      {condition: "reader_held_by_another", severity: desk.SeverityWarning},
	usb.StateFailing:      {condition: "reader_failing", severity: desk.SeverityWarning},
}

// deviceHealth says what keeps USB devices from working, each kind once.
func (g *Gateway) deviceHealth() []desk.Condition {
	var out []desk.Condition
	told := map[string]bool{}
	for _, f := range g.devices() {
		c, ok := deviceConditions[f.State]
		if !ok || told[c.condition] {
			continue
		}
		told[c.condition] = true
		out = append(out, desk.Condition{Code: c.condition, Severity: c.severity})
	}
	return out
}

// ask puts a card's question to the clerk at the desk page.
func (g *Gateway) ask(ctx context.Context, p card.Prompt) (string, error) {
	answer, err := g.desk.Ask(ctx, desk.Prompt{Reader: p.Reader, Kind: string(p.Kind), Masked: p.Masked, MaxLength: p.MaxLength})
	if errors.Is(err, desk.ErrPromptDeclined) {
		err = card.ErrPromptDeclined
	}
	return answer, err
}
