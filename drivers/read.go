package drivers

import (
	"crypto/rand"
	"log/slog"
	"time"

	"cardferry/hl7/fhir/r4"
)

// Assurance says how much a read proves, from weakest to strongest. A UID alone
// can be copied, so it must never open a record by itself.
type Assurance string

// The assurance ladder.
const (
	UIDOnly           Assurance = "uid-only"
	MemoryRead        Assurance = "memory-read" // storage card, stripe or printed code
	ChipRead          Assurance = "chip-read"
	ChipAuthenticated Assurance = "chip-authenticated"
	OnlineVerified    Assurance = "online-verified"
)

// Read is what a reader saw, in FHIR terms. It holds patient data: it masks
// itself in logs and lives in memory only.
type Read struct {
	ID        string    `json:"id"`
	Time      time.Time `json:"time"`
	Reader    string    `json:"reader"`
	Simulated bool      `json:"simulated"`
	// Medium is the kind of card or code ("tw-nhi", "cn-resident-id",
	// "cn-ehc-qr"); "unknown" when nothing recognised it.
	Medium string `json:"medium"`
	// Profile is the profile or rule that made the read, "name@version"; empty
	// when nothing recognised the card or code.
	Profile   string    `json:"profile"`
	Assurance Assurance `json:"assurance"`
	// Partial says that the card holds more that could not be read.
	Partial  bool          `json:"partial"`
	Patient  *r4.Patient   `json:"patient,omitempty"`
	Coverage []r4.Coverage `json:"coverage,omitempty"`
	// Extras holds what has no place in Patient or Coverage, by field name; for
	// an unknown card {"atr": hex}.
	Extras   map[string]any `json:"extras,omitempty"`
	Warnings []Warning      `json:"warnings,omitempty"`
}

// MediumUnknown is the medium of a card or code that nothing recognised.
const MediumUnknown = "unknown"

// Warning is something the clerk or the platform should know about a read. It
// never holds a value, only the field's name.
type Warning struct {
	Code  string `json:"code"` // stable: "check_digit", "lossy_text", "unreadable", "card_unknown", …
	Field string `json:"field,omitempty"`
}

// NewReadID returns a fresh, unguessable read id: 26 characters, base32.
func NewReadID() string { return rand.Text() }

// LogValue keeps patient data out of logs: it tells what kind of thing was read
// and how well, never what it said.
func (r Read) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("id", r.ID),
		slog.String("medium", r.Medium),
		slog.String("profile", r.Profile),
		slog.String("assurance", string(r.Assurance)),
		slog.Bool("partial", r.Partial),
		slog.Int("warnings", len(r.Warnings)),
	)
}

// String masks the read for fmt, as LogValue does for slog.
func (r Read) String() string { return "read " + r.ID + " (" + r.Medium + ", masked)" }

// GoString masks the read for %#v.
func (r Read) GoString() string { return r.String() }
