package configs

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
)

// semantics checks what a type cannot say: addresses, what belongs together,
// and what would be unsafe. It fills in what follows from other values.
func (c *checker) semantics(cfg *Config) {
	if cfg.DataDir == "" {
		c.problem("data_dir", "a directory is needed", "/var/lib/cardferry")
	}
	if cfg.Site.ID == "" {
		c.problem("site.id", "the institution's code is needed: resource ids are derived from it", `like "330106001", in quotes`)
	}
	if _, err := cfg.Zone(); err != nil {
		c.problem("site.time_zone", "not a known time zone", `like "Asia/Shanghai"`)
	}
	c.address("desk.listen", cfg.Desk.Listen, true, false)
	c.address("admin.listen", cfg.Admin.Listen, true, false)
	c.address("hl7.listen", cfg.HL7.Listen, false, true)
	c.address("ingest.listen", cfg.Ingest.Listen, !cfg.Ingest.TLS.Enabled(), cfg.Ingest.TLS.Enabled())
	c.tls("ingest.tls", cfg.Ingest.TLS)
	for _, o := range cfg.Desk.Origins {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.Path != "" {
			c.problem("desk.origins", "expected scheme://host[:port] without a path", `like "https://his.example.org"`)
		}
	}
	c.hl7(cfg.HL7)
	c.readers(cfg.Readers)
	c.upstream(cfg.Upstream)
	c.role(cfg)
	if cfg.Desk.Name == "" {
		cfg.Desk.Name, _ = os.Hostname()
	}
}

// problem notes a problem at a dotted key, wherever its value came from.
func (c *checker) problem(key, want, hint string) {
	p := Problem{Source: c.source, Key: key, Want: want, Hint: hint}
	if layer, ok := c.from[key]; ok {
		p.Source = layer
		c.problems = append(c.problems, p)
		return
	}
	for k := key; k != ""; k = parent(k) {
		if n := c.at[k]; n != nil {
			p.Line, p.Column = n.Line, n.Column
			break
		}
	}
	c.problems = append(c.problems, p)
}

func parent(key string) string {
	i := strings.LastIndexByte(key, '.')
	return key[:max(i, 0)]
}

func (c *checker) address(key, addr string, loopbackOnly, anyHost bool) {
	if addr == "" {
		return
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "" {
		c.problem(key, "expected host:port", `like "127.0.0.1:8640"`)
		return
	}
	if loopbackOnly && !Loopback(host) {
		want := "only a loopback address is allowed here"
		hint := "127.0.0.1 or [::1]"
		if strings.HasPrefix(key, "ingest") {
			want, hint = "an address others can reach needs TLS", "set ingest.tls, or listen on 127.0.0.1"
		}
		c.problem(key, want, hint)
	}
	if host == "" && !anyHost {
		c.problem(key, "the host is missing", "127.0.0.1:"+port)
	}
}

// Loopback reports whether host names this machine alone.
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func (c *checker) tls(key string, t TLS) {
	if (t.CertFile == "") != (t.KeyFile == "") {
		c.problem(key, "cert_file and key_file go together", "")
	}
	if t.ClientCAFile != "" && t.CertFile == "" {
		c.problem(key, "client_ca_file needs cert_file and key_file", "")
	}
}

// usbMatch is vendor:product, with a serial number or the USB port behind it: in
// hex as lsusb prints them, and as "cardferry readers" names a device.
var usbMatch = regexp.MustCompile(`^[0-9a-fA-F]{4}:[0-9a-fA-F]{4}(:[ -~]{1,126}|@[0-9]+-[0-9.]+)?$`)

// nameForm is a name that is safe as a label, a directory and an argument.
var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

func (c *checker) readers(r Readers) {
	for i, u := range r.USB {
		if !usbMatch.MatchString(u.Match) {
			c.problem(fmt.Sprintf("readers.usb[%d].match", i), "expected vendor:product or vendor:product:serial", `like "0400:c35a"; lsusb prints it`)
		}
		if u.Layout != "" && u.Kind != "keyboard" {
			c.problem(fmt.Sprintf("readers.usb[%d].layout", i), "only a typing scanner has a layout", "set kind: keyboard")
		}
	}
	for i, s := range r.Serial {
		for _, end := range s.Ends {
			if !slices.Contains([]string{"cr", "lf", "crlf", "tab", "etx", "gap"}, end) || end == "gap" && len(s.Ends) > 1 {
				c.problem(fmt.Sprintf("readers.serial[%d].ends", i), "expected cr, lf, crlf, tab or etx, or gap alone", "")
			}
		}
	}
	for _, d := range r.Disclose {
		if d != "ethnicity" && d != "photo" {
			c.problem("readers.disclose", "expected ethnicity or photo", "")
		}
	}
	seen := map[string]bool{}
	for i, k := range r.CardKeys {
		if seen[k.Name] {
			c.problem(fmt.Sprintf("readers.card_keys[%d].name", i), "this name is given twice", "")
		}
		seen[k.Name] = true
	}
}

func (c *checker) upstream(u Upstream) {
	if (u.CertFile == "") != (u.KeyFile == "") {
		c.problem("upstream.cert_file", "cert_file and key_file go together", "")
	}
	if u.Workers < 1 || u.Workers > 256 {
		c.problem("upstream.workers", "expected 1 to 256", "")
	}
	if u.Kind != UpstreamFHIR {
		if u.URL != "" {
			c.problem("upstream.url", "a URL is only used by kind: fhir", "set upstream.kind to fhir")
		}
		return
	}
	p, err := url.Parse(u.URL)
	switch {
	case err != nil || p.Host == "" || (p.Scheme != "http" && p.Scheme != "https"):
		c.problem("upstream.url", "expected the base URL of a FHIR server", `like "https://platform.example.org/fhir"`)
	case p.User != nil:
		c.problem("upstream.url", "no user or password in a URL", "use upstream.token_file")
	case p.Scheme == "http" && !Loopback(p.Hostname()):
		c.problem("upstream.url", "patient data needs TLS", "use https://")
	}
}

func (c *checker) role(cfg *Config) {
	if !cfg.Role.Receives() && cfg.HL7.Listen != "" {
		c.problem("hl7.listen", "a desk does not receive HL7", "set it on the hub, or role: all")
	}
	if !cfg.Role.Receives() && len(cfg.HL7.Destinations) > 0 {
		c.problem("hl7.destinations", "a desk sends no HL7", "set them on the hub, or role: all")
	}
	if !cfg.Role.Receives() && cfg.Ingest.Listen != "" {
		c.problem("ingest.listen", "a desk does not receive from others", "set it on the hub, or role: all")
	}
	if !cfg.Role.Reads() && (cfg.Readers.PCSC.Enabled || len(cfg.Readers.Serial) > 0 || len(cfg.Readers.USB) > 0 || cfg.Readers.Virtual.Enabled) {
		c.problem("readers", "a hub has no readers", "set them on the desk, or role: all")
	}
	if cfg.Role == RoleHub && c.at["desk.listen"] == nil {
		cfg.Desk.Listen = ""
	}
}
