// Package configs holds what a site can set and everything that ships as data:
// the typed configuration of the daemon, loaded by Viper and checked key by key
// with line and column, and the embedded card profiles, code rules and
// translation tables.
package configs

import (
	"time"
)

// Role says which part of the gateway a machine plays.
type Role string

// The roles. A clinic on one machine is RoleAll.
const (
	RoleAll  Role = "all"
	RoleDesk Role = "desk"
	RoleHub  Role = "hub"
)

// Reads reports whether the role drives card and code readers.
func (r Role) Reads() bool { return r != RoleHub }

// Receives reports whether the role takes in HL7 v2 and FHIR from others.
func (r Role) Receives() bool { return r != RoleDesk }

// Config is a site's configuration, checked and complete: every default is
// filled in, every value is in range. It is never changed after [Load].
type Config struct {
	Role Role `config:"role" enum:"all,desk,hub" doc:"what this machine is"`
	// DataDir holds the queue, keys and everything else that must survive.
	DataDir   string    `config:"data_dir" doc:"where everything that must survive is kept"`
	TablesDir string    `config:"tables_dir" doc:"site tables: cards/*.yaml, codes/*.yaml, v2fhir/* on top of the shipped ones"`
	Site      Site      `config:"site"`
	Desk      Desk      `config:"desk"`
	Readers   Readers   `config:"readers"`
	HL7       HL7       `config:"hl7"`
	Ingest    Ingest    `config:"ingest"`
	Upstream  Upstream  `config:"upstream"`
	Queue     Queue     `config:"queue"`
	Admin     Admin     `config:"admin"`
	Log       LogConfig `config:"log"`
}

// Site identifies the hospital. ID is also the namespace of every resource id
// that is derived from an identifier, so all machines of a site use the same.
type Site struct {
	ID       string            `config:"id" doc:"the institution's code; quoted, it is not a number"`
	Name     string            `config:"name" doc:"the institution's name"`
	TimeZone string            `config:"time_zone" doc:"IANA zone for HL7 times without an offset"`
	Systems  []AuthoritySystem `config:"systems" doc:"assigning authority (CX.4.1) to FHIR identifier system"`
}

// AuthoritySystem maps an HL7 v2 assigning authority to a FHIR system URI.
type AuthoritySystem struct {
	Authority string `config:"authority" required:"true" doc:"assigning authority as in PID-3.4"`
	System    string `config:"system" required:"true" doc:"FHIR identifier system URI"`
}

// Desk is the API and page for the clerk's machine.
type Desk struct {
	Listen  string   `config:"listen" doc:"loopback address of the desk page and API; empty is off"`
	Name    string   `config:"name" doc:"name of this desk; the host's name when empty"`
	Origins []string `config:"origins" doc:"web origins that may use the desk API, https://his.example.org"`
	Hosts   []string `config:"hosts" doc:"further Host names the desk answers to"`
}

// Readers says which readers are driven.
type Readers struct {
	PCSC   PCSC     `config:"pcsc"`
	Serial []Serial `config:"serial" doc:"devices on serial ports"`
	USB    []USB    `config:"usb" doc:"USB devices that are neither PC/SC nor serial"`
	// NewDevices is what happens to a USB reader that USB does not list.
	NewDevices string    `config:"new_devices" enum:"ask,use,ignore" doc:"a USB reader not listed in usb: ask waits for cardferry readers approve"`
	Disclose   []string  `config:"disclose" doc:"sensitive data of resident ID cards that reads carry: ethnicity, photo; empty is none"`
	CardKeys   []CardKey `config:"card_keys" doc:"keys that card profiles name (MIFARE Classic sectors)"`
	Virtual    Virtual   `config:"virtual"`
}

// What happens to a USB reader that is not listed.
const (
	NewDevicesAsk    = "ask"
	NewDevicesUse    = "use"
	NewDevicesIgnore = "ignore"
)

// USB is one USB device, or all of one make.
type USB struct {
	Match   string `config:"match" required:"true" doc:"vendor:product, vendor:product:serial or vendor:product@port in hex, as cardferry readers prints them: 0400:c35a"`
	Kind    string `config:"kind" enum:"idcard,scanner,keyboard,hd100" doc:"what it is; empty goes by its descriptors. keyboard: a scanner that types, taken away from the desktop"`
	Charset string `config:"charset" doc:"charset of scanned text; empty tries UTF-8, then GB 18030"`
	Layout  string `config:"layout" enum:"us,gb,de,fr,es,it" doc:"keyboard layout that a typing scanner is set to; empty is us"`
	Name    string `config:"name" doc:"reader name; empty takes the device's"`
}

// CardKey is the key of a card profile, kept in a file of its own.
type CardKey struct {
	Name string `config:"name" required:"true" doc:"as the profile names it"`
	File string `config:"file" required:"true" doc:"file with the key in hex"`
}

// PCSC drives every reader of the operating system's smart card service.
type PCSC struct {
	Enabled bool `config:"enabled" doc:"drive all PC/SC readers"`
}

// Serial drives one device on a serial port.
type Serial struct {
	Port    string `config:"port" required:"true" doc:"usb:VVVV:PPPP or usb:VVVV:PPPP:SERIAL finds a USB port by its numbers; or a device, best by its /dev/serial/by-id name"`
	Kind    string `config:"kind" required:"true" enum:"scanner,idcard" doc:"what is attached"`
	Baud    int    `config:"baud" doc:"bits per second; 0 is 9600 for a scanner, and asks an ID-card reader at each of its rates"`
	Charset string `config:"charset" doc:"charset of scanned text; empty tries UTF-8, then GB 18030"`
	Name    string `config:"name" doc:"reader name; empty takes the port's"`
	// What the scanner puts around a code.
	Ends   []string `config:"ends" doc:"what ends a scan: cr, lf, crlf, tab, etx; gap alone is silence only; empty is cr, lf or etx, and silence"`
	Prefix string   `config:"prefix" doc:"what the scanner puts before a code; taken off"`
	Suffix string   `config:"suffix" doc:"what the scanner puts behind a code; taken off"`
	// The line, where it is not the usual 8N1.
	DataBits int    `config:"data_bits" doc:"5 to 8; 0 is 8"`
	Parity   string `config:"parity" enum:"none,even,odd,mark,space" doc:"empty is none"`
	StopBits string `config:"stop_bits" enum:"1,1.5,2" doc:"in quotes; empty is 1"`
	DTR      string `config:"dtr" enum:"on,off" doc:"in quotes; empty leaves the line alone"`
	RTS      string `config:"rts" enum:"on,off" doc:"in quotes; empty leaves the line alone"`
}

// Virtual is the simulated reader for demo and training. What it yields is
// always marked as simulated.
type Virtual struct {
	Enabled bool `config:"enabled" doc:"offer simulated readers (training, demo)"`
}

// Ingest is where other cardferries send their items.
type Ingest struct {
	Listen    string `config:"listen" doc:"address of POST /fhir; empty is off"`
	TokenFile string `config:"token_file" doc:"file with the bearer token senders must show"`
	TLS       TLS    `config:"tls"`
}

// TLS is a server's certificate and, for mTLS, the CA its clients must have.
type TLS struct {
	CertFile     string `config:"cert_file" doc:"PEM certificate chain"`
	KeyFile      string `config:"key_file" doc:"PEM private key"`
	ClientCAFile string `config:"client_ca_file" doc:"PEM CA bundle; set, every client must show a certificate of it"`
}

// Enabled reports whether a certificate is configured.
func (t TLS) Enabled() bool { return t.CertFile != "" }

// The kinds of upstream.
const (
	UpstreamNone       = "none"
	UpstreamFHIR       = "fhir"
	UpstreamRepository = "repository"
)

// Upstream is where the queue drains to.
type Upstream struct {
	Kind      string        `config:"kind" enum:"fhir,repository,none" doc:"fhir: a FHIR R4 server or another cardferry; repository: this machine is the platform; none: keep everything queued"`
	URL       string        `config:"url" doc:"base URL that takes transaction Bundles"`
	TokenFile string        `config:"token_file" doc:"file with the bearer token"`
	CAFile    string        `config:"ca_file" doc:"PEM CA bundle of the upstream; empty takes the system's"`
	CertFile  string        `config:"cert_file" doc:"PEM client certificate for mTLS"`
	KeyFile   string        `config:"key_file" doc:"PEM key of cert_file"`
	Timeout   time.Duration `config:"timeout" doc:"longest wait for one answer"`
	Workers   int           `config:"workers" doc:"deliveries under way at once"`
}

// Queue bounds the store-and-forward queue.
type Queue struct {
	Quota   Size `config:"quota" doc:"most bytes the queue may take; 0 is half of the volume, at most 40 GB"`
	Reserve Size `config:"reserve" doc:"free bytes to leave on the volume; 0 is 5 percent"`
}

// Admin is the listener for health, metrics and queue operations.
type Admin struct {
	Listen string `config:"listen" doc:"loopback address of /livez /readyz /metrics and operations; empty is off"`
}

// LogConfig says how much is logged; logs go to standard error.
type LogConfig struct {
	Level  string `config:"level" enum:"debug,info,warn,error" doc:"least level that is logged"`
	Format string `config:"format" enum:"text,json" doc:"text for people, json for collectors"`
}

// Default is the configuration of an empty file.
func Default() Config {
	return Config{
		Role:    RoleAll,
		DataDir: "/var/lib/cardferry",
		Site:    Site{TimeZone: "Asia/Shanghai"},
		Desk:    Desk{Listen: "127.0.0.1:8640"},
		HL7:     HL7{MaxMessage: 16 << 20, MaxConnections: 256},
		Upstream: Upstream{
			Kind: UpstreamNone, Timeout: 30 * time.Second, Workers: 8,
		},
		Readers: Readers{NewDevices: NewDevicesAsk},
		Admin:   Admin{Listen: "127.0.0.1:8641"},
		Log:     LogConfig{Level: "info", Format: "text"},
	}
}

// Zone is the site's time zone, for HL7 times without an offset.
func (c *Config) Zone() (*time.Location, error) { return time.LoadLocation(c.Site.TimeZone) }
