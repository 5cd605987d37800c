package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"cardferry/configs"
	"cardferry/drivers/card"
	"cardferry/drivers/code"
	"cardferry/drivers/decode"
	"cardferry/drivers/emrtd"
	"cardferry/drivers/idcard"
	"cardferry/drivers/pcsc"
	"cardferry/drivers/serial"
	"cardferry/drivers/usb"
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
// holds cards/, codes/ and v2fhir/, keys/ with the public keys of signed codes and
// csca/ with the certificates of countries whose travel documents are checked.
// secrets are the card keys that profiles name. An error names file, line and
// column.
func LoadTables(dir string, secrets []configs.CardKey) (*Tables, error) {
	return loadTables(dir, secrets, nil)
}

// Prompt asks whoever holds a card, as [card.Options.Prompt]; nil asks nobody.
type Prompt func(ctx context.Context, p card.Prompt) (string, error)

func loadTables(dir string, secrets []configs.CardKey, prompt Prompt) (*Tables, error) {
	// Side by side: the daemon's start waits for them.
	t := &Tables{}
	var mappings error
	var kinds sync.WaitGroup
	kinds.Go(func() { t.V2, mappings = loadMappings(dir) })
	reading := t.loadReading(dir, secrets, prompt)
	kinds.Wait()
	if err := errors.Join(reading, mappings); err != nil {
		return nil, err
	}
	return t, nil
}

func loadMappings(dir string) (*fhir.Tables, error) {
	v2, err := fhir.LoadTables(layers(configs.V2FHIR(), dir, "v2fhir")...)
	if err != nil {
		return nil, fmt.Errorf("translation tables: %w", err)
	}
	return v2, nil
}

// loadReading loads what reads cards and codes.
func (t *Tables) loadReading(dir string, secrets []configs.CardKey, prompt Prompt) error {
	mifare, err := readCardKeys(secrets)
	if err != nil {
		return err
	}
	public, err := loadPublicKeys(dir)
	if err != nil {
		return fmt.Errorf("keys of signed codes: %w", err)
	}
	authorities, err := loadAuthorities(dir)
	if err != nil {
		return fmt.Errorf("csca, the certificates of travel documents: %w", err)
	}
	var rules *code.Rules
	var codes error
	var kinds sync.WaitGroup
	kinds.Go(func() { rules, codes = code.LoadRules(layers(configs.Codes(), dir, "codes")...) })
	profiles, cards := card.LoadProfiles(layers(configs.Cards(), dir, "cards")...)
	kinds.Wait()
	if cards == nil {
		t.Cards, cards = card.NewEngineWith(profiles, card.Options{
			MifareKeys: mifare.get, Keys: public, TravelAuthorities: authorities, Prompt: prompt,
		})
	}
	if cards != nil {
		cards = fmt.Errorf("card profiles: %w", cards)
	}
	if codes != nil {
		codes = fmt.Errorf("code rules: %w", codes)
	}
	t.Codes = rules.With(code.Options{Keys: public})
	return errors.Join(cards, codes)
}

// layers returns the shipped folder and, where the site has one, its own.
func layers(shipped fs.FS, dir, name string) []fs.FS {
	if site := siteFolder(dir, name); site != nil {
		return []fs.FS{shipped, site}
	}
	return []fs.FS{shipped}
}

// siteFolder returns a folder of the site's tables; nil when there is none.
func siteFolder(dir, name string) fs.FS {
	if dir == "" {
		return nil
	}
	site := os.DirFS(dir)
	if _, err := fs.Stat(site, name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	sub, err := fs.Sub(site, name)
	if err != nil {
		panic(err) // name is one of five constants
	}
	return sub
}

func loadPublicKeys(dir string) (decode.Keys, error) {
	site := siteFolder(dir, "keys")
	if site == nil {
		return decode.Keys{}, nil
	}
	return decode.LoadKeys(site)
}

// loadAuthorities reads the countries' certificates that travel documents are checked with.
func loadAuthorities(dir string) ([]emrtd.Authority, error) {
	site := siteFolder(dir, "csca")
	if site == nil {
		return nil, nil
	}
	return emrtd.LoadAuthorities(site)
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
	t, err := g.loadTables()
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
		if conf.Simulator, err = g.makeDrivers(t, t.Cards.Read); err != nil {
			return err
		}
	}
	g.desk = desk.New(conf)
	return nil
}

// loadTables loads what this machine's role needs: a hub reads no cards.
func (g *Gateway) loadTables() (*Tables, error) {
	if g.cfg.Role.Reads() {
		return loadTables(g.cfg.TablesDir, g.cfg.Readers.CardKeys, g.ask)
	}
	v2, err := loadMappings(g.cfg.TablesDir)
	return &Tables{V2: v2}, err
}

// makeDrivers makes a driver for each reader the configuration names; decode reads
// chip cards. The simulator is nil unless simulated readers are on.
func (g *Gateway) makeDrivers(t *Tables, decode ReadCard) (desk.Simulator, error) {
	r := g.cfg.Readers
	if r.PCSC.Enabled {
		g.drivers = append(g.drivers, pcsc.New(pcsc.Config{Read: decode, Logger: g.log}))
	}
	for _, s := range r.Serial {
		conf, err := g.serialConfig(s, t)
		if err != nil {
			return nil, err
		}
		g.drivers = append(g.drivers, serial.New(conf))
	}
	// A build without USB says so where USB was asked for, and is silent elsewhere.
	if len(r.USB) > 0 || usb.Built && r.NewDevices != configs.NewDevicesIgnore {
		g.usb = usb.New(g.usbConfig(t, decode))
		g.drivers = append(g.drivers, g.usb)
	}
	if !r.Virtual.Enabled {
		return nil, nil
	}
	deck, err := trainingDeck(t)
	if err != nil {
		return nil, err
	}
	v := virtual.New(virtual.Config{
		Deck: deck, ReadCard: decode, DecodeID: idcard.DecodeText, Recognise: t.Codes.Recognise,
	})
	g.drivers = append(g.drivers, v)
	return simulator{v}, nil
}

func (g *Gateway) serialConfig(s configs.Serial, t *Tables) (serial.Config, error) {
	framing, err := serial.Ends(s.Ends...)
	if err != nil {
		return serial.Config{}, fmt.Errorf("readers.serial %s: ends: %w", s.Port, err)
	}
	framing.Prefix, framing.Suffix = s.Prefix, s.Suffix
	return serial.Config{
		Port: s.Port, Kind: s.Kind, Baud: s.Baud, Charset: s.Charset, Name: s.Name, Framing: framing,
		Line:  serial.Line{DataBits: s.DataBits, Parity: s.Parity, StopBits: s.StopBits, DTR: s.DTR, RTS: s.RTS},
		Codes: t.Codes, Disclose: g.disclose(), Logger: g.log,
	}, nil
}

// disclose says which sensitive data of resident ID cards this site wants.
func (g *Gateway) disclose() idcard.Options {
	has := func(what string) bool { return slices.Contains(g.cfg.Readers.Disclose, what) }
	return idcard.Options{Ethnicity: has("ethnicity"), Photo: has("photo")}
}

func (g *Gateway) usbConfig(t *Tables, decode ReadCard) usb.Config {
	c := usb.Config{
		Unlisted: usb.Unlisted(g.cfg.Readers.NewDevices), Approved: g.approvals.has,
		Codes: t.Codes, Read: decode, Disclose: g.disclose(), Logger: g.log,
	}
	for _, d := range g.cfg.Readers.USB {
		c.Devices = append(c.Devices, usb.Device{
			Match: strings.ToLower(d.Match), Kind: d.Kind, Charset: d.Charset, Layout: d.Layout, Name: d.Name,
		})
	}
	return c
}

// trainingDeck is what the simulated readers can be shown: the chosen cards first,
// then a card of every profile that is not among them, a site's own too.
func trainingDeck(t *Tables) ([]virtual.Card, error) {
	deck, err := virtual.ReadDeck(configs.Simulated(), "deck.json")
	if err != nil {
		return nil, err
	}
	for _, p := range t.Cards.Profiles() {
		if slices.ContainsFunc(deck, func(c virtual.Card) bool { return c.Name == p.Name() }) {
			continue
		}
		if chip, ok := p.Sample(); ok {
			deck = append(deck, virtual.Card{Name: p.Name(), Title: p.Title(), Chip: chip})
		}
	}
	return deck, nil
}
