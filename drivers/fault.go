package drivers

import "errors"

// ErrNotBuilt is returned by drivers that need C and were left out of a
// CGO_ENABLED=0 build.
var ErrNotBuilt = errors.New("driver is not part of this build; install the package built with cgo")

// ErrCardRemoved says that the card left while it was being read. It ends a
// read quietly: no fault, no partial result.
var ErrCardRemoved = errors.New("card removed during read")

// FaultCode is a stable name for a fault; the desk translates it for the clerk.
type FaultCode string

// The faults a reader can report.
const (
	FaultServiceDown    FaultCode = "reader_service_down"   // pcscd or SCardSvr does not answer
	FaultAccessDenied   FaultCode = "reader_access_denied"  // polkit or file permissions
	FaultInUse          FaultCode = "reader_in_use"         // another program holds the reader or card
	FaultUnresponsive   FaultCode = "card_unresponsive"     // upside down, dirty, memory card
	FaultReadFailed     FaultCode = "card_read_failed"      // the card answered wrongly or not at all
	FaultFrame          FaultCode = "frame_damaged"         // torn frame or wrong checksum
	FaultFrameTooLong   FaultCode = "frame_too_long"        // more bytes than any frame may have
	FaultReaderHardware FaultCode = "reader_hardware"       // the reader says it is broken (SAM self-test)
	FaultRepresent      FaultCode = "card_present_again"    // lift the card and put it back
	FaultNotBuilt       FaultCode = "reader_driver_missing" // see ErrNotBuilt
)

// Fault is a problem at a reader. Detail is for hospital IT (error codes,
// addresses); it never holds card contents or patient data.
type Fault struct {
	Code   FaultCode `json:"code"`
	Detail string    `json:"detail,omitempty"`
}
