package doctor

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cardferry/configs"
)

// machine is a healthy one without readers and with a platform of its own.
func machine(t *testing.T) Machine {
	t.Helper()
	c := configs.Default()
	c.Site.ID = "000000000"
	c.DataDir = filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(c.DataDir, 0o700); err != nil {
		t.Fatal(err)
	}
	c.Desk.Listen, c.Admin.Listen = "", ""
	c.Upstream.Kind = configs.UpstreamRepository
	c.Readers.NewDevices = configs.NewDevicesIgnore
	return Machine{
		Config:     &c,
		TestTables: func(context.Context) (TablesReport, error) { return TablesReport{Cards: 3, Codes: 4, Tests: 20}, nil },
		Daemon:     &Daemon{Version: "test", Upstream: "up"},
	}
}

func TestExamine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		damage func(*Machine)
		level  Level
		check  string
		says   string
		do     string
	}{
		{name: "healthy", damage: func(*Machine) {}, level: OK, check: "daemon", says: "running, version test"},
		{name: "no data directory yet", damage: func(m *Machine) { m.Config.DataDir += "/none" }, level: Warning, check: "disk", says: "does not exist yet", do: "systemctl start cardferry"},
		{name: "data directory is a file", damage: func(m *Machine) {
			m.Config.DataDir += "/file"
			if err := os.WriteFile(m.Config.DataDir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, level: Error, check: "disk", says: "not a directory", do: "data_dir"},
		{name: "data directory open to others", damage: func(m *Machine) {
			if err := os.Chmod(m.Config.DataDir, 0o755); err != nil {
				t.Fatal(err)
			}
		}, level: Warning, check: "disk", says: "can be entered by others", do: "chmod 700"},
		{name: "a table does not load", damage: func(m *Machine) {
			m.TestTables = func(context.Context) (TablesReport, error) {
				return TablesReport{}, errors.New("x.yaml:3:7: unknown key")
			}
		}, level: Error, check: "tables", says: "x.yaml:3:7", do: "correct the file"},
		{name: "a table fails its own test", damage: func(m *Machine) {
			m.TestTables = func(context.Context) (TablesReport, error) {
				return TablesReport{Failed: []string{"tw-nhi: image"}}, nil
			}
		}, level: Error, check: "tables", says: "tw-nhi: image", do: "cardferry card test"},
		{name: "no daemon", damage: func(m *Machine) { m.Daemon = nil }, level: Warning, check: "daemon", says: "not running", do: "systemctl start cardferry"},
		{name: "no daemon, and its address is taken", damage: func(m *Machine) {
			m.Daemon, m.Config.Desk.Listen = nil, taken.Addr().String()
		}, level: Error, check: "address", says: "desk.listen", do: "ss -ltnp"},
		{name: "the daemon reports a condition", damage: func(m *Machine) {
			m.Daemon.Conditions = []Condition{{"queue_stopped", "error"}}
		}, level: Error, check: "daemon", says: "queue_stopped", do: "systemctl restart"},
		{name: "a condition nobody wrote a text for", damage: func(m *Machine) {
			m.Daemon.Conditions = []Condition{{"something_new", "warning"}}
		}, level: Warning, check: "daemon", says: "something_new", do: "journalctl"},
		{name: "parked items", damage: func(m *Machine) { m.Daemon.Parked = 2 }, level: Warning, check: "queue", says: "2 items", do: "cardferry queue ls"},
		{name: "a USB reader waits", damage: func(m *Machine) {
			m.Config.Readers.NewDevices = configs.NewDevicesAsk
			m.Daemon.Unapproved = []string{"0400:c35a@1-2"}
		}, level: Warning, check: "usb", says: "0400:c35a@1-2 waits", do: "cardferry readers approve '0400:c35a@1-2'"},
		{name: "a listed USB reader is not there", damage: func(m *Machine) {
			m.Config.Readers.USB = []configs.USB{{Match: "ffff:0001"}}
		}, level: Error, check: "usb", says: "ffff:0001 is not plugged in", do: "lsusb"},
		{name: "a serial port is not there", damage: func(m *Machine) {
			m.Config.Readers.Serial = []configs.Serial{{Port: "/dev/no-such-port", Kind: "scanner"}}
		}, level: Error, check: "serial", says: "/dev/no-such-port is not there", do: "by-id"},
		{name: "a serial port by USB numbers is not there", damage: func(m *Machine) {
			m.Config.Readers.Serial = []configs.Serial{{Port: "usb:ffff:0001", Kind: "scanner"}}
		}, level: Error, check: "serial", says: "usb:ffff:0001", do: "lsusb"},
		{name: "a serial port that is a file", damage: func(m *Machine) {
			m.Config.Readers.Serial = []configs.Serial{{Port: m.Config.DataDir, Kind: "scanner"}}
		}, level: Error, check: "serial", says: "not a serial port", do: "readers.serial"},
		{name: "no platform", damage: func(m *Machine) { m.Config.Upstream.Kind = configs.UpstreamNone }, level: Warning, check: "platform", says: "no platform", do: "upstream.url"},
		{name: "the platform is away", damage: func(m *Machine) {
			m.Config.Upstream.Kind, m.Config.Upstream.URL = configs.UpstreamFHIR, "http://"+nobody
		}, level: Error, check: "platform", says: "cannot be reached", do: "nothing is lost"},
		{name: "the platform speaks no TLS", damage: func(m *Machine) {
			m.Config.Upstream.Kind, m.Config.Upstream.URL = configs.UpstreamFHIR, "https://"+nobody
		}, level: Error, check: "platform", says: "cannot be reached", do: "firewall"},
		{name: "a system of the hospital is away", damage: func(m *Machine) {
			m.Config.HL7.Destinations = []configs.Destination{{Name: "lis", Address: nobody}}
		}, level: Error, check: "hl7 lis", says: "cannot be reached", do: "nothing is lost"},
		{name: "a system of the hospital is there", damage: func(m *Machine) {
			m.Config.HL7.Destinations = []configs.Destination{{Name: "lis", Address: taken.Addr().String()}}
		}, level: OK, check: "hl7 lis", says: "takes connections"},
		{name: "a CA that is not there", damage: func(m *Machine) {
			m.Config.HL7.Destinations = []configs.Destination{{Name: "lis", Address: taken.Addr().String(), TLS: true, CAFile: "/no/such/ca"}}
		}, level: Error, check: "hl7 lis", says: "hl7.destinations[0].ca_file", do: "CA"},
		{name: "a token that is not there", damage: func(m *Machine) { m.Config.Ingest.TokenFile = "/no/such/token" }, level: Error, check: "secrets", says: "ingest.token_file", do: "0600"},
		{name: "a token everybody can read", damage: func(m *Machine) {
			m.Config.Ingest.TokenFile = filepath.Join(m.Config.DataDir, "token")
			if err := os.WriteFile(m.Config.Ingest.TokenFile, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(m.Config.Ingest.TokenFile, 0o644); err != nil {
				t.Fatal(err)
			}
		}, level: Error, check: "secrets", says: "can be read by anybody", do: "chmod 640"},
		{name: "a certificate that is none", damage: func(m *Machine) {
			m.Config.HL7.TLS = configs.TLS{CertFile: "/no/such/cert", KeyFile: "/no/such/key"}
		}, level: Error, check: "certificate", says: "hl7.tls.cert_file", do: "put the certificate"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := machine(t)
			tt.damage(&m)
			found := Examine(t.Context(), m)
			for _, f := range found {
				if f.Level == tt.level && f.Check == tt.check && strings.Contains(f.Says, tt.says) && strings.Contains(f.Do, tt.do) {
					if tt.level == Error && Worst(found) != Error {
						t.Error("the worst finding is not an error")
					}
					return
				}
			}
			t.Errorf("not found among %+v", found)
		})
	}
}

func TestEveryFindingThatIsNotOKSaysWhatToDo(t *testing.T) {
	m := machine(t)
	m.Daemon = nil
	m.Config.DataDir += "/none"
	m.Config.Upstream.Kind = configs.UpstreamNone
	m.Config.Readers.PCSC.Enabled = true
	for _, f := range Examine(t.Context(), m) {
		if f.Level != OK && f.Do == "" {
			t.Errorf("%+v", f)
		}
	}
}

func TestExamineEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if found := Examine(ctx, machine(t)); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}
