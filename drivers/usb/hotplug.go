//go:build cgo

package usb

/*
#cgo pkg-config: libusb-1.0
#include <stdlib.h>
#include <libusb.h>

// A context of its own, because gousb has no hot-plug and keeps its context to itself.
typedef struct {
	libusb_context *ctx;
	libusb_hotplug_callback_handle handle;
	int changes;
} hotplug;

static int LIBUSB_CALL changed(libusb_context *ctx, libusb_device *dev, libusb_hotplug_event event, void *h)
{
	((hotplug *)h)->changes++;
	return 0; // keep the callback
}

static int hotplug_open(hotplug *h)
{
	int r = libusb_init(&h->ctx);
	if (r)
		return r;
	if (!libusb_has_capability(LIBUSB_CAP_HAS_HOTPLUG))
		r = LIBUSB_ERROR_NOT_SUPPORTED;
	else
		r = libusb_hotplug_register_callback(h->ctx,
			LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT, 0,
			LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY,
			changed, h, &h->handle);
	if (r)
		libusb_exit(h->ctx);
	return r;
}

static void hotplug_close(hotplug *h)
{
	libusb_hotplug_deregister_callback(h->ctx, h->handle);
	libusb_exit(h->ctx);
}

// Sleeps until something happens or a minute has passed. Returns the number of changes
// on the bus, or a negative libusb error.
static int hotplug_wait(hotplug *h)
{
	h->changes = 0;
	int r = libusb_handle_events_completed(h->ctx, NULL);
	return r < 0 && r != LIBUSB_ERROR_INTERRUPTED ? r : h->changes;
}
*/
import "C"

import (
	"context"
	"fmt"
	"unsafe"

	"github.com/google/gousb"
)

// hotplug tells when a device came or left.
type hotplug struct {
	changed chan struct{} // holds one value at most
	ended   chan struct{}
}

// watchHotplug starts watching, until ctx ends. It fails where libusb has no hot-plug
// (Windows): the bus has to be listed again and again there.
func watchHotplug(ctx context.Context) (*hotplug, error) {
	c := (*C.hotplug)(C.calloc(1, C.sizeof_hotplug)) // C keeps a pointer to it
	if r := C.hotplug_open(c); r != 0 {
		C.free(unsafe.Pointer(c))
		return nil, fmt.Errorf("watch the bus: %w", gousb.Error(r))
	}
	h := &hotplug{changed: make(chan struct{}, 1), ended: make(chan struct{})}
	go func() {
		defer close(h.ended)
		defer C.free(unsafe.Pointer(c))
		defer C.hotplug_close(c)
		interrupted := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			// Also ends a wait that begins only after this.
			C.libusb_interrupt_event_handler(c.ctx)
			close(interrupted)
		})
		defer func() {
			if !stop() {
				<-interrupted
			}
		}()
		for ctx.Err() == nil {
			n := C.hotplug_wait(c)
			if n < 0 {
				return
			}
			if n > 0 {
				select {
				case h.changed <- struct{}{}:
				default:
				}
			}
		}
	}()
	return h, nil
}
