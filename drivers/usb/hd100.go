//go:build cgo

package usb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cardferry/drivers"
	"cardferry/drivers/idcard"
	"cardferry/drivers/usb/hd100"
)

// hd100Limit bounds one control transfer with an HD-100, which may hold it back while
// a card thinks.
const hd100Limit = 3 * time.Second

// idSuffix ends the name of an HD-100's ID-card module, a reader of its own.
const idSuffix = " ID card"

// serveHD100 looks after the slot and the field of an HD-100, and after its ID-card
// module, until one of them fails.
func (k *keeper) serveHD100(ctx context.Context, l *link) error {
	l.dev.ControlTimeout = hd100Limit
	r := hd100.NewReader(hd100.Port{
		Set: func(report []byte) error { return l.classRequest(hidSetReport, featureReport<<8, report) },
		Get: func(report []byte) ([]byte, error) { return l.classAnswer(hidGetReport, featureReport<<8, report) },
	})
	if _, err := r.Present(ctx); err != nil {
		return fmt.Errorf("no HD-100: %w", err)
	}
	k.works()
	ctx, cancel := context.WithCancel(ctx)
	var failed error
	var running sync.WaitGroup
	running.Go(func() {
		if failed = k.serveIDModule(ctx, r); failed != nil {
			cancel()
		}
	})
	w := &hd100.Watcher{R: r, Reader: k.reader, Read: k.d.cfg.Read}
	err := w.Run(ctx, k.send)
	cancel()
	running.Wait()
	return errors.Join(err, failed)
}

// serveIDModule looks after the ID-card module until ctx ends or the device fails. A
// module that is not there, or mute, is no failure of the device.
func (k *keeper) serveIDModule(ctx context.Context, r *hd100.Reader) (err error) {
	defer guard(&err)
	module := k.reader
	module.Name, module.Kind = k.reader.Name+idSuffix, drivers.KindIDCard
	session := idcard.NewSession(hd100.IDModule{R: r})
	if _, err = session.Find(ctx); err == nil {
		k.emitFor(module, drivers.Attached)
		defer k.emitFor(module, drivers.Detached)
		err = (&idcard.Watcher{Session: session, Reader: module, Options: k.d.cfg.Disclose}).Run(ctx, k.send)
	}
	if idcard.WireError(err) {
		k.log.Info("HD-100 works without its ID-card module", "reason", err)
		return nil
	}
	return err
}
