/* bridge SOCKET COMMAND [ARG...]
 *
 * Runs COMMAND so that its libusb and libudev see the USB devices which connect
 * to the Unix socket SOCKET - without root and without a kernel that has USB.
 * libumockdev's preload library turns the file and ioctl calls on
 * /dev/bus/usb/... of COMMAND into messages to this process, which answers them
 * by USB/IP transfers. One connection is one plugged-in device: it is a USB/IP
 * link in its URB phase, with the device as server; its end is the unplugging.
 * When the device half-closes, it is removed (with its udev events), and then
 * this side closes as well: so the device knows that the host has noticed.
 *
 * The bridge must itself run under the preload library (umockdev-wrapper).
 *
 * What umockdev asks for, found by trial with 0.17: ioctls are handled in a
 * thread of their own (lock!); the interface children must be removed before the
 * device; adding tells udev's listeners, removing does not; a node that
 * was attached once must not be used again (so every plugging gets a new device
 * number, as with a kernel). */
#define _GNU_SOURCE
#include "usbip.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/usbdevice_fs.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <umockdev.h>
#include <unistd.h>

enum { MAX_PORTS = 127 };

typedef struct Dev Dev;

/* A URB between SUBMITURB and REAPURB. */
typedef struct {
	uint32_t seq, unlink;		/* sequence numbers; unlink 0: not discarded */
	UMockdevIoctlData *urb, *buf;	/* the client's memory */
	gboolean done;
} Urb;

#define BRIDGE_TYPE_USB (bridge_usb_get_type())
G_DECLARE_FINAL_TYPE(BridgeUsb, bridge_usb, BRIDGE, USB, UMockdevIoctlBase)
struct _BridgeUsb {
	UMockdevIoctlBase parent;
	Dev *dev;
};
G_DEFINE_TYPE(BridgeUsb, bridge_usb, UMOCKDEV_TYPE_IOCTL_BASE)

/* One plugging of a device. It is never freed, as a client may hold its node. */
struct Dev {
	int fd, port, interfaces;
	char *syspath;
	uint32_t seq;
	GQueue urbs;			/* in the order of submission */
	UMockdevIoctlClient *reaper;	/* a REAPURB without an answer yet */
	UMockdevIoctlData *reaper_arg;
	guint reaper_timer;
	gboolean present;
};

static GMutex lock; /* of everything in a Dev, from its publication on */
static UMockdevTestbed *bed;
static gboolean taken[MAX_PORTS + 1];
static int next_number = 2;
static GMainLoop *loop;
static int status;

static void fatal(const char *what, GError *err)
{
	g_printerr("usbmock bridge: %s: %s\n", what, err ? err->message : g_strerror(errno));
	exit(125);
}

/* ---- USB/IP ---- */

/* The low bit of a sequence number says that the answer carries data: so an answer
 * can be read whoever asked. */
static uint32_t next_seq(Dev *d, gboolean in) { return ++d->seq << 1 | in; }

static gboolean submit(Dev *d, uint32_t seq, int ep, const uint8_t *setup, const uint8_t *data, int len)
{
	gboolean in = seq & 1;
	size_t n = HEADER + (in ? 0 : len);
	g_autofree uint8_t *b = g_malloc0(n);
	put32(b, SUBMIT);
	put32(b + 4, seq);
	put32(b + 12, in);
	put32(b + 16, ep);
	put32(b + 24, len);
	put32(b + 32, 0xffffffff); /* not isochronous */
	if (setup)
		memcpy(b + 40, setup, 8);
	if (!in && len)
		memcpy(b + HEADER, data, len);
	return write_all(d->fd, b, n);
}

static void unlink_urb(Dev *d, Urb *u)
{
	uint8_t b[HEADER] = { 0 };
	u->unlink = next_seq(d, FALSE);
	put32(b, UNLINK);
	put32(b + 4, u->unlink);
	put32(b + 20, u->seq);
	write_all(d->fd, b, sizeof b);
}

/* A standard GET_DESCRIPTOR before the device is published. Bytes, or -1. */
static int descriptor(Dev *d, int kind, int number, uint8_t *out, int len)
{
	uint8_t setup[8] = { 0x80, 6, number, kind, 0, 0, len, len >> 8 }, h[HEADER];
	if (!submit(d, next_seq(d, TRUE), 0, setup, NULL, len) || !read_all(d->fd, h, sizeof h) || get32(h + 20))
		return -1;
	int n = get32(h + 24);
	return n <= len && read_all(d->fd, out, n) ? n : -1;
}

/* ---- the client's reaping; the lock is held ---- */

static void answer_reaper(Dev *d, long result, int err)
{
	UMockdevIoctlClient *c = d->reaper;
	if (!c)
		return;
	d->reaper = NULL;
	g_clear_handle_id(&d->reaper_timer, g_source_remove);
	umockdev_ioctl_client_complete(c, result, err);
	g_clear_object(&d->reaper_arg);
	g_object_unref(c);
}

static void reap(Dev *d)
{
	if (!d->reaper)
		return;
	for (GList *l = d->urbs.head; l; l = l->next) {
		Urb *u = l->data;
		if (!u->done)
			continue;
		g_queue_delete_link(&d->urbs, l);
		umockdev_ioctl_data_set_ptr(d->reaper_arg, 0, u->urb);
		answer_reaper(d, 0, 0);
		g_object_unref(u->urb);
		g_clear_object(&u->buf);
		g_free(u);
		return;
	}
	if (!d->present) /* nothing left, and nothing will come */
		answer_reaper(d, -1, ENODEV);
}

static struct usbdevfs_urb *raw(Urb *u) { return (struct usbdevfs_urb *)u->urb->data; }

static void finish(Dev *d, Urb *u, int st, int actual)
{
	raw(u)->status = st;
	raw(u)->actual_length = actual;
	u->done = TRUE;
	reap(d);
}

static gboolean reap_timeout(gpointer p)
{
	Dev *d = p;
	g_mutex_lock(&lock);
	if (d->reaper_timer == g_source_get_id(g_main_current_source())) {
		d->reaper_timer = 0;
		answer_reaper(d, -1, EAGAIN);
	}
	g_mutex_unlock(&lock);
	return G_SOURCE_REMOVE;
}

/* ---- the device's answers ---- */

static void lost(Dev *d)
{
	g_mutex_lock(&lock);
	d->present = FALSE;
	for (GList *l = d->urbs.head, *next; l; l = next) {
		next = l->next;
		Urb *u = l->data;
		if (!u->done)
			finish(d, u, -ENODEV, 0);
	}
	reap(d);
	g_mutex_unlock(&lock);
	for (int i = 0; i < d->interfaces; i++) { /* children first, or their links stay */
		g_autofree char *p = g_strdup_printf("%s/1-%d:1.%d", d->syspath, d->port, i);
		umockdev_testbed_uevent(bed, p, "remove");
		umockdev_testbed_remove_device(bed, p);
	}
	umockdev_testbed_uevent(bed, d->syspath, "remove");
	umockdev_testbed_remove_device(bed, d->syspath);
	taken[d->port] = FALSE;
	g_mutex_lock(&lock);
	close(d->fd);
	d->fd = -1;
	g_mutex_unlock(&lock);
}

/* One message of the device; the lock is held. */
static gboolean message(Dev *d)
{
	uint8_t h[HEADER];
	if (!read_all(d->fd, h, sizeof h))
		return FALSE;
	uint32_t kind = get32(h), seq = get32(h + 4);
	int st = (int32_t)get32(h + 20), n = kind == RET_SUBMIT ? get32(h + 24) : 0;
	Urb *u = NULL;
	for (GList *l = d->urbs.head; l && !u; l = l->next) {
		Urb *v = l->data;
		if (!v->done && (kind == RET_SUBMIT ? v->seq : v->unlink) == seq)
			u = v;
	}
	if (kind == RET_UNLINK) {
		if (u && st) /* 0: its answer was under way and has arrived */
			finish(d, u, -ENOENT, 0);
		return TRUE;
	}
	if (seq & 1 && n > 0) {
		int head = u && raw(u)->type == USBDEVFS_URB_TYPE_CONTROL ? 8 : 0;
		g_autofree uint8_t *data = g_malloc(n);
		if (!read_all(d->fd, data, n))
			return FALSE;
		if (u && u->buf)
			memcpy(u->buf->data + head, data, MIN(n, raw(u)->buffer_length - head));
	}
	if (u)
		finish(d, u, st, n);
	return TRUE;
}

static gboolean on_data(gint fd, GIOCondition c, gpointer p)
{
	g_mutex_lock(&lock);
	gboolean ok = message(p);
	g_mutex_unlock(&lock);
	if (ok)
		return G_SOURCE_CONTINUE;
	lost(p);
	return G_SOURCE_REMOVE;
}

/* ---- the client's ioctls ---- */

static int submit_urb(Dev *d, UMockdevIoctlData *arg)
{
	UMockdevIoctlData *data = umockdev_ioctl_data_resolve(arg, 0, sizeof(struct usbdevfs_urb), NULL);
	struct usbdevfs_urb *r = (struct usbdevfs_urb *)data->data;
	if (r->type == USBDEVFS_URB_TYPE_ISO) {
		g_object_unref(data);
		return EINVAL;
	}
	Urb *u = g_new0(Urb, 1);
	u->urb = data;
	u->buf = umockdev_ioctl_data_resolve(data, G_STRUCT_OFFSET(struct usbdevfs_urb, buffer), r->buffer_length, NULL);
	uint8_t *b = u->buf ? u->buf->data : NULL;
	gboolean control = r->type == USBDEVFS_URB_TYPE_CONTROL;
	u->seq = next_seq(d, (control ? b[0] : r->endpoint) & 0x80 ? 1 : 0);
	g_queue_push_tail(&d->urbs, u);
	if (control)
		submit(d, u->seq, 0, b, b + 8, r->buffer_length - 8);
	else
		submit(d, u->seq, r->endpoint & 15, NULL, b, r->buffer_length);
	return 0;
}

static int discard_urb(Dev *d, gulong addr)
{
	for (GList *l = d->urbs.head; l; l = l->next) {
		Urb *u = l->data;
		if (u->urb->client_addr == addr && !u->done) {
			if (!u->unlink)
				unlink_urb(d, u);
			return 0;
		}
	}
	return EINVAL;
}

static gboolean handle_ioctl(UMockdevIoctlBase *base, UMockdevIoctlClient *c)
{
	Dev *d = BRIDGE_USB(base)->dev;
	unsigned long req = umockdev_ioctl_client_get_request(c);
	UMockdevIoctlData *arg = umockdev_ioctl_client_get_arg(c);
	int e = 0;
	g_autoptr(GMutexLocker) held = g_mutex_locker_new(&lock);

	if (!d->present && req != USBDEVFS_REAPURB && req != USBDEVFS_REAPURBNDELAY) {
		umockdev_ioctl_client_complete(c, -1, ENODEV);
		return TRUE;
	}
	switch (req) {
	case USBDEVFS_GET_CAPABILITIES: {
		g_autoptr(UMockdevIoctlData) v = umockdev_ioctl_data_resolve(arg, 0, 4, NULL);
		*(uint32_t *)v->data = USBDEVFS_CAP_ZERO_PACKET | USBDEVFS_CAP_BULK_CONTINUATION |
				       USBDEVFS_CAP_NO_PACKET_SIZE_LIM | USBDEVFS_CAP_REAP_AFTER_DISCONNECT;
		break;
	}
	case USBDEVFS_CLAIMINTERFACE:
	case USBDEVFS_RELEASEINTERFACE:
	case USBDEVFS_SETINTERFACE:
	case USBDEVFS_SETCONFIGURATION:
	case USBDEVFS_RESET:
	case USBDEVFS_DISCONNECT_CLAIM:
		break;
	case USBDEVFS_CLEAR_HALT: {
		g_autoptr(UMockdevIoctlData) v = umockdev_ioctl_data_resolve(arg, 0, 4, NULL);
		uint8_t setup[8] = { 0x02, 1, 0, 0, v->data[0], 0, 0, 0 };
		submit(d, next_seq(d, FALSE), 0, setup, NULL, 0);
		break;
	}
	case USBDEVFS_GETDRIVER: /* no kernel driver is bound */
	case USBDEVFS_IOCTL:
		e = ENODATA;
		break;
	case USBDEVFS_SUBMITURB:
		e = submit_urb(d, arg);
		break;
	case USBDEVFS_DISCARDURB:
		e = discard_urb(d, *(gulong *)arg->data);
		break;
	case USBDEVFS_REAPURB:
	case USBDEVFS_REAPURBNDELAY: {
		/* The mocked node always polls "ready", so libusb would spin; "nothing
		 * yet" is therefore held back for a moment. Not for long: the preload
		 * library lets one ioctl per file run at a time. */
		answer_reaper(d, -1, EAGAIN);
		UMockdevIoctlData *p = umockdev_ioctl_data_resolve(arg, 0, sizeof(void *), NULL);
		if (!p) { /* the client is on its way out */
			e = ENODEV;
			break;
		}
		d->reaper = g_object_ref(c);
		d->reaper_arg = p;
		reap(d);
		if (d->reaper && req == USBDEVFS_REAPURBNDELAY)
			d->reaper_timer = g_timeout_add(1, reap_timeout, d);
		return TRUE;
	}
	default:
		e = ENOTTY;
	}
	umockdev_ioctl_client_complete(c, e ? -1 : 0, e);
	return TRUE;
}

static void bridge_usb_class_init(BridgeUsbClass *k) { UMOCKDEV_IOCTL_BASE_CLASS(k)->handle_ioctl = handle_ioctl; }
static void bridge_usb_init(BridgeUsb *s) {}

/* ---- plugging in ---- */

static void append_string(GString *s, Dev *d, const char *name, int number)
{
	uint8_t b[255];
	int n = number ? descriptor(d, 3, number, b, sizeof b) : -1;
	g_autofree char *text = n > 2 ? g_utf16_to_utf8((gunichar2 *)(b + 2), (n - 2) / 2, NULL, NULL, NULL) : NULL;
	if (text)
		g_string_append_printf(s, "A: %s=%s\\n\n", name, text);
}

/* The device as text in umockdev's format, with its interfaces as children. */
static GString *describe(Dev *d, int number, const uint8_t *desc, const uint8_t *config, int len)
{
	GString *s = g_string_new(NULL);
	int vid = desc[8] | desc[9] << 8, pid = desc[10] | desc[11] << 8, bcd = desc[12] | desc[13] << 8;
	g_string_printf(s, "P: /devices/rig/usb1/1-%d\nN: bus/usb/001/%03d\nE: DEVNAME=/dev/bus/usb/001/%03d\n"
		"E: DEVTYPE=usb_device\nE: SUBSYSTEM=usb\nE: DRIVER=usb\nE: BUSNUM=001\nE: DEVNUM=%03d\nE: MAJOR=189\nE: MINOR=%d\n"
		"E: PRODUCT=%x/%x/%x\nE: TYPE=%d/%d/%d\nE: ID_VENDOR_ID=%04x\nE: ID_MODEL_ID=%04x\nE: ID_BUS=usb\n",
		d->port, number, number, number, number - 1, vid, pid, bcd, desc[4], desc[5], desc[6], vid, pid);
	g_string_append_printf(s, "A: busnum=1\\n\nA: devnum=%d\\n\nA: devpath=%d\\n\nA: speed=12\\n\nA: bConfigurationValue=1\\n\n"
		"A: idVendor=%04x\\n\nA: idProduct=%04x\\n\nA: bcdDevice=%04x\\n\nA: bNumConfigurations=1\\n\nA: bDeviceClass=%02x\\n\n"
		"A: bNumInterfaces= %d\\n\nA: version= 2.00\\n\nA: maxchild=0\\n\n",
		number, d->port, vid, pid, bcd, desc[4], config[4]);
	append_string(s, d, "manufacturer", desc[14]);
	append_string(s, d, "product", desc[15]);
	append_string(s, d, "serial", desc[16]);
	g_string_append(s, "H: descriptors=");
	for (int i = 0; i < desc[0]; i++)
		g_string_append_printf(s, "%02X", desc[i]);
	for (int i = 0; i < len; i++)
		g_string_append_printf(s, "%02X", config[i]);
	g_string_append(s, "\n");
	for (const uint8_t *q = config; q < config + len && q[0]; q += q[0])
		if (q[1] == 4)
			g_string_append_printf(s, "\nP: /devices/rig/usb1/1-%d/1-%d:1.%d\nE: DEVTYPE=usb_interface\nE: SUBSYSTEM=usb\n"
				"E: INTERFACE=%d/%d/%d\nE: PRODUCT=%x/%x/%x\nA: bInterfaceNumber=%02x\\n\nA: bInterfaceClass=%02x\\n\n"
				"A: bAlternateSetting= 0\\n\n",
				d->port, d->port, q[2], q[5], q[6], q[7], vid, pid, bcd, q[2], q[5]);
	return s;
}

static gboolean on_connect(gint listener, GIOCondition c, gpointer p)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), port = 1;
	if (fd < 0)
		return G_SOURCE_CONTINUE;
	struct timeval patience = { .tv_sec = 5 }; /* with a device that stops in the middle of a message */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	while (port < MAX_PORTS && taken[port])
		port++;
	Dev *d = g_new0(Dev, 1);
	d->fd = fd;
	d->port = port;
	g_queue_init(&d->urbs);
	uint8_t desc[18], config[4096];
	int n = -1;
	if (!taken[port] && descriptor(d, 1, 0, desc, sizeof desc) == sizeof desc)
		n = descriptor(d, 2, 0, config, sizeof config);
	if (n < 9) {
		close(fd);
		g_free(d);
		return G_SOURCE_CONTINUE;
	}
	int number = next_number++;
	d->interfaces = config[4];
	d->syspath = g_strdup_printf("/sys/devices/rig/usb1/1-%d", port);
	g_autofree char *node = g_strdup_printf("/dev/bus/usb/001/%03d", number);
	GString *text = describe(d, number, desc, config, n);
	GError *err = NULL;
	BridgeUsb *h = g_object_new(BRIDGE_TYPE_USB, NULL);
	h->dev = d;
	/* Before the node exists: who opens a node without a handler meets the kernel,
	 * and adding a device tells of it at once. */
	umockdev_testbed_attach_ioctl(bed, node, UMOCKDEV_IOCTL_BASE(h), &err);
	if (err)
		fatal("attach to a device", err);
	taken[port] = TRUE;
	d->present = TRUE;
	g_unix_fd_add(fd, G_IO_IN | G_IO_HUP, on_data, d);
	if (!umockdev_testbed_add_from_string(bed, text->str, &err))
		fatal("add a device", err);
	g_string_free(text, TRUE);
	return G_SOURCE_CONTINUE;
}

/* ---- the command ---- */

static void on_exit_of_command(GPid pid, gint st, gpointer p)
{
	status = WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
	g_main_loop_quit(loop);
}

static void die_with_parent(gpointer p) { prctl(PR_SET_PDEATHSIG, SIGKILL); }

int main(int argc, char **argv)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	if (argc < 3 || strlen(argv[1]) >= sizeof addr.sun_path || !strstr(g_getenv("LD_PRELOAD") ?: "", "libumockdev-preload")) {
		g_printerr("usage: umockdev-wrapper bridge SOCKET COMMAND [ARG...]\n");
		return 2;
	}
	bed = umockdev_testbed_new();
	loop = g_main_loop_new(NULL, FALSE);
	/* a root hub, so that the devices have a parent */
	umockdev_testbed_add_from_string(bed, "P: /devices/rig/usb1\nN: bus/usb/001/001\nE: DEVNAME=/dev/bus/usb/001/001\n"
		"E: DEVTYPE=usb_device\nE: SUBSYSTEM=usb\nE: BUSNUM=001\nE: DEVNUM=001\nE: MAJOR=189\nE: MINOR=0\n"
		"A: busnum=1\\n\nA: devnum=1\\n\nA: speed=480\\n\nA: bConfigurationValue=1\\n\nA: idVendor=1d6b\\n\nA: idProduct=0002\\n\n"
		"H: descriptors=12010002090001406B1D020006060302010109021900010100E0000904000001090000000705810304000C\n", NULL);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(addr.sun_path, argv[1]);
	if (listener < 0 || bind(listener, (struct sockaddr *)&addr, sizeof addr) || listen(listener, 16))
		fatal(argv[1], NULL);
	g_unix_fd_add(listener, G_IO_IN, on_connect, NULL);
	GPid pid;
	GError *err = NULL;
	if (!g_spawn_async(NULL, argv + 2, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_CHILD_INHERITS_STDIN, die_with_parent, NULL, &pid, &err))
		fatal(argv[2], err);
	g_child_watch_add(pid, on_exit_of_command, NULL);
	g_main_loop_run(loop);
	return status;
}
