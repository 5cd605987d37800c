package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"cardferry/configs"
	"cardferry/drivers/card"
	"cardferry/drivers/code"
	"cardferry/drivers/idcard"
	"cardferry/drivers/pcsc"
	"cardferry/drivers/serial"
	"cardferry/drivers/virtual"
	"cardferry/gateway/desk"
	"cardferry/hl7/fhir"
)

// Tables is everything that reads cards and codes and translates messages:
// shipped tables with a site's own on top.
type Tables struct {
	Cards *card.Engine
	Codes *code.Rules
	V2    *fhir.Tables
}

// LoadTables compiles the shipped tables and those of dir ("" is none), which
// holds cards/, codes/ and v2fhir/. An error names file, line and column.
func LoadTables(dir string) (*Tables, error) {
	var t Tables
	profiles, err := card.LoadProfiles(layers(configs.Cards(), dir, "cards")...)
	if err != nil {
		return nil, fmt.Errorf("card profiles: %w", err)
	}
	if t.Cards, err = card.NewEngine(profiles); err != nil {
		return nil, fmt.Errorf("card profiles: %w", err)
	}
	if t.Codes, err = code.LoadRules(layers(configs.Codes(), dir, "codes")...); err != nil {
		return nil, fmt.Errorf("code rules: %w", err)
	}
	if t.V2, err = fhir.LoadTables(layers(configs.V2FHIR(), dir, "v2fhir")...); err != nil {
		return nil, fmt.Errorf("translation tables: %w", err)
	}
	return &t, nil
}

// layers returns the shipped folder and, where the site has one, its own.
func layers(shipped fs.FS, dir, name string) []fs.FS {
	if dir == "" {
		return []fs.FS{shipped}
	}
	site := os.DirFS(dir)
	if _, err := fs.Stat(site, name); errors.Is(err, fs.ErrNotExist) {
		return []fs.FS{shipped}
	}
	sub, err := fs.Sub(site, name)
	if err != nil {
		panic(err) // name is one of three constants
	}
	return []fs.FS{shipped, sub}
}

// Translator returns the HL7 v2 to FHIR translator of a site.
func (t *Tables) Translator(cfg *configs.Config) (*fhir.Translator, error) {
	zone, err := cfg.Zone()
	if err != nil {
		return nil, err
	}
	systems := map[string]string{}
	for _, s := range cfg.Site.Systems {
		systems[s.Authority] = s.System
	}
	return fhir.NewTranslator(t.V2, fhir.Config{
		Namespace: cfg.Site.ID, SiteName: cfg.Site.Name, Zone: zone, Systems: systems,
	})
}

// openTables loads the tables and makes the drivers and the desk from them.
func (g *Gateway) openTables() error {
	t, err := LoadTables(g.cfg.TablesDir)
	if err != nil {
		return fmt.Errorf("tables_dir: %w", err)
	}
	if g.translator, err = t.Translator(g.cfg); err != nil {
		return fmt.Errorf("translator: %w", err)
	}
	conf := desk.Config{
		Name: g.cfg.Desk.Name, Hosts: g.cfg.Desk.Hosts, Origins: g.cfg.Desk.Origins,
		Status: g.Status, Logger: g.log,
	}
	if g.cfg.Role.Reads() {
		if conf.Simulator, err = g.makeDrivers(t); err != nil {
			return err
		}
	}
	g.desk = desk.New(conf)
	return nil
}

// makeDrivers makes a driver for each reader the configuration names. The
// simulator is nil unless simulated readers are on.
func (g *Gateway) makeDrivers(t *Tables) (desk.Simulator, error) {
	r := g.cfg.Readers
	if r.PCSC.Enabled {
		g.drivers = append(g.drivers, pcsc.New(pcsc.Config{Read: t.Cards.Read, Logger: g.log}))
	}
	for _, s := range r.Serial {
		g.drivers = append(g.drivers, serial.New(serial.Config{
			Port: s.Port, Kind: s.Kind, Baud: s.Baud, Charset: s.Charset, Name: s.Name,
			Codes: t.Codes, Logger: g.log,
		}))
	}
	if !r.Virtual.Enabled {
		return nil, nil
	}
	deck, err := virtual.ReadDeck(configs.Simulated(), "deck.json")
	if err != nil {
		return nil, err
	}
	v := virtual.New(virtual.Config{
		Deck: deck, ReadCard: t.Cards.Read, DecodeID: idcard.DecodeText, Recognise: t.Codes.Recognise,
	})
	g.drivers = append(g.drivers, v)
	return simulator{v}, nil
}
