//go:build cgo

package usb

import (
	"errors"
	"fmt"
	"strings"

	"cardferry/drivers/code"
	"cardferry/drivers/usb/hid"
)

// check finds what can never work.
func (c Config) check() error {
	switch c.Unlisted {
	case "", Ask, Use, Ignore:
	default:
		return fmt.Errorf("usb: unlisted devices %q; use %q, %q or %q", c.Unlisted, Ask, Use, Ignore)
	}
	if _, _, err := code.Text(nil, scanCharset(c.Charset)); err != nil {
		return fmt.Errorf("usb: %w", err)
	}
	for _, d := range c.Devices {
		if err := d.check(); err != nil {
			return fmt.Errorf("usb device %q: %w", d.Match, err)
		}
	}
	return nil
}

func (d Device) check() error {
	if _, err := parseMatch(d.Match); err != nil {
		return err
	}
	switch d.Kind {
	case "", KindIDCard, KindScanner, KindKeyboard, KindHD100:
	default:
		return fmt.Errorf("kind %q; use idcard, scanner, keyboard or hd100", d.Kind)
	}
	if _, ok := hid.LayoutByName(d.Layout); !ok {
		return errors.New("layout is not known; use one of " + strings.Join(hid.Layouts(), ", "))
	}
	if _, _, err := code.Text(nil, scanCharset(d.Charset)); err != nil {
		return err
	}
	return nil
}

// charsetUnicode says of a typing scanner that it enters code points.
const charsetUnicode = "unicode"

// scanCharset is the charset for [code.Text]: what is typed is text already.
func scanCharset(charset string) string {
	if strings.EqualFold(charset, charsetUnicode) {
		return ""
	}
	return charset
}
