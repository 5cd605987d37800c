package usbsim

// POSScanner is a bar code and QR code scanner in HID POS mode (USB usage page 8Ch,
// HID Point of Sale Usage Tables 1.02, section 4). Its input report has 64 bytes as
// in the manuals of Access-IS LSR118 and ATR110:
//
//	0      report id, 2
//	1      number of data bytes, up to 56
//	2-4    AIM symbology identifier, "]Q1"
//	5-60   data, padded with zeros
//	61     further symbology byte
//	62     reserved
//	63     bit 0: the next report goes on with the same code
type POSScanner struct{ Device }

// POSScannerIn is the scanner's interrupt endpoint.
const POSScannerIn = 0x81

const (
	posReportID = 2
	posData     = 5
	posMaxData  = 56
	posMore     = 63
)

// NewPOSScanner makes a scanner.
func NewPOSScanner(serial string) *POSScanner {
	s := &POSScanner{}
	s.VID, s.PID = 0x0C2E, 0x0B61
	s.Manufacturer, s.Name, s.Serial = "Rig", "HID POS Scanner", serial
	s.interfaces = []usbInterface{{class: classHID, report: posReports, endpoints: []endpoint{
		{addr: POSScannerIn, attr: interrupt, maxPacket: reportSize, interval: 1},
	}}}
	s.control = func(r setup, _ []byte) ([]byte, error) { return hidControl(r, reportSize) }
	return s
}

// Scan sends one code with its AIM symbology identifier ("]Q1"; up to 3 bytes, or
// empty), in as many reports as it needs.
func (s *POSScanner) Scan(aim string, code []byte) {
	for _, report := range POSReports(aim, code) {
		s.send(POSScannerIn, report)
	}
}

// POSReports returns the input reports of one code, for tests of a parser.
func POSReports(aim string, code []byte) [][]byte {
	var all [][]byte
	for {
		report := make([]byte, reportSize)
		n := copy(report[posData:posData+posMaxData], code)
		report[0], report[1] = posReportID, byte(n)
		copy(report[2:posData], aim)
		code = code[n:]
		all = append(all, report)
		if len(code) == 0 {
			return all
		}
		report[posMore] = 1
	}
}

// posReports is the report descriptor (HID POS usage tables, section 4.1).
var posReports = []byte{
	0x05, 0x8C, 0x09, 0x02, 0xA1, 0x01, // bar code scanner page, bar code scanner
	0x85, posReportID,
	0x09, 0x12, 0xA1, 0x02, // scanned data report
	0x15, 0x00, 0x26, 0xFF, 0x00, 0x75, 0x08, // bytes
	0x95, 0x01, 0x05, 0x01, 0x09, 0x3B, 0x81, 0x02, // byte count
	0x05, 0x8C, 0x95, 0x03, 0x09, 0xFB, 0x09, 0xFC, 0x09, 0xFD, 0x81, 0x02, // symbology identifier 1 to 3
	0x95, posMaxData, 0x09, 0xFE, 0x82, 0x02, 0x01, // decoded data, buffered bytes
	0x95, 0x02, 0x06, 0x66, 0xFF, 0x09, 0x04, 0x81, 0x02, // vendor
	0x95, 0x01, 0x05, 0x8C, 0x09, 0xFF, 0x81, 0x02, // decode data continued
	0xC0, 0xC0,
}
