/* The URB phase of USB/IP on a stream socket: numbers are big-endian.
 * https://docs.kernel.org/usb/usbip_protocol.html */
#pragma once
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 48, SUBMIT = 1, UNLINK = 2, RET_SUBMIT = 3, RET_UNLINK = 4 };

static inline uint32_t get32(const uint8_t *p) { return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }

static inline void put32(uint8_t *p, uint32_t v)
{
	p[0] = v >> 24;
	p[1] = v >> 16;
	p[2] = v >> 8;
	p[3] = v;
}

static inline bool read_all(int fd, void *p, size_t n)
{
	for (uint8_t *q = p; n;) {
		ssize_t r = read(fd, q, n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		q += r;
		n -= r;
	}
	return true;
}

static inline bool write_all(int fd, const void *p, size_t n)
{
	for (const uint8_t *q = p; n;) {
		ssize_t r = send(fd, q, n, MSG_NOSIGNAL);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		q += r;
		n -= r;
	}
	return true;
}
