package idcard

// Command is a SAM command: the command byte in the high byte, its parameter in
// the low byte.
type Command uint16

// The commands of the SAM that concern reading.
const (
	CmdReset         Command = 0x10FF
	CmdStatus        Command = 0x11FF // self test
	CmdSAMNumber     Command = 0x12FF
	CmdFind          Command = 0x2001
	CmdSelect        Command = 0x2002
	CmdRead          Command = 0x3001 // text and photo
	CmdNewestAddress Command = 0x3003
	CmdCardNumber    Command = 0x3005 // serial numbers of the card body, 28 bytes
	CmdReadAll       Command = 0x3010 // text, photo and fingerprint
)

// Frame returns the complete request frame of a command.
func (c Command) Frame() []byte { return AppendFrame(nil, []byte{byte(c >> 8), byte(c)}) }

// String names a command for logs and errors.
func (c Command) String() string {
	switch c {
	case CmdReset:
		return "reset SAM"
	case CmdStatus:
		return "SAM status"
	case CmdSAMNumber:
		return "read SAM number"
	case CmdFind:
		return "find card"
	case CmdSelect:
		return "select card"
	case CmdRead, CmdReadAll:
		return "read card"
	case CmdNewestAddress:
		return "read newest address"
	case CmdCardNumber:
		return "read card body number"
	default:
		return "unknown command"
	}
}
