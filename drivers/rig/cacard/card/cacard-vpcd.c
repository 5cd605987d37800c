/* cacard-vpcd HOST PORT NSSDB CERT1 CERT2 CERT3
 *
 * Puts libcacard's virtual Common Access Card, the one QEMU has, into a slot of the
 * virtual reader driver vpcd (protocol: package vcard). Ends, and so pulls the card,
 * on SIGTERM or when the reader goes. */
#include <arpa/inet.h>
#include <libcacard.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { POWER_OFF = 0, POWER_ON = 1, RESET = 2, GET_ATR = 4, MAX_MESSAGE = 65535 };

static int read_all(int fd, uint8_t *p, size_t n)
{
	while (n) {
		int one = 1; /* does not stick: vpcd's length and body are 40 ms apart without */
		setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof one);
		ssize_t r = read(fd, p, n);
		if (r <= 0)
			return -1;
		p += r;
		n -= r;
	}
	return 0;
}

static int answer(int fd, const uint8_t *p, int n)
{
	static uint8_t b[2 + MAX_MESSAGE];
	if (n < 1 || n > MAX_MESSAGE) /* an answer of length 0 would hang vpcd */
		return -1;
	b[0] = n >> 8;
	b[1] = n;
	memcpy(b + 2, p, n);
	return write(fd, b, n + 2) == n + 2 ? 0 : -1;
}

static VReader *insert_card(const char *db, char **certs)
{
	char options[1024];
	if (snprintf(options, sizeof options, "db=\"sql:%s\" use_hw=no soft=(,Rig,CAC,,%s,%s,%s)", db, certs[0], certs[1], certs[2]) >=
	    (int)sizeof options)
		return NULL;
	VCardEmulOptions *o = vcard_emul_options(options);
	if (!o || vcard_emul_init(o) != VCARD_EMUL_OK)
		return NULL;
	VReader *reader = NULL;
	while (!reader) {
		VEvent *e = vevent_wait_next_vevent();
		if (e->type == VEVENT_CARD_INSERT)
			reader = vreader_reference(e->reader);
		vevent_delete(e);
	}
	return reader;
}

static int dial(const char *host, const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (inet_pton(AF_INET, host, &to.sin_addr) != 1 || connect(fd, (struct sockaddr *)&to, sizeof to))
		return -1;
	return fd;
}

int main(int argc, char **argv)
{
	static uint8_t command[MAX_MESSAGE], response[MAX_MESSAGE];
	uint8_t head[2], atr[64], scratch[64];
	int atr_len = sizeof atr, fd;
	VReader *reader;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* with the test that started it */
	if (argc != 7) {
		fprintf(stderr, "usage: cacard-vpcd HOST PORT NSSDB CERT1 CERT2 CERT3\n");
		return 2;
	}
	/* Powering on resets the card, and pcscd asks for the ATR at every poll: it is
	 * taken once. */
	if (!(reader = insert_card(argv[3], argv + 4)) || vreader_power_on(reader, atr, &atr_len) != VREADER_OK) {
		fprintf(stderr, "libcacard does not start with the certificates in %s\n", argv[3]);
		return 1;
	}
	if ((fd = dial(argv[1], argv[2])) < 0) {
		perror("connect to vpcd");
		return 1;
	}
	for (;;) {
		if (read_all(fd, head, sizeof head))
			return 0;
		int n = head[0] << 8 | head[1], len = sizeof response;
		if (read_all(fd, command, n))
			return 0;
		if (n > 1) {
			if (vreader_xfr_bytes(reader, command, n, response, &len) != VREADER_OK || answer(fd, response, len))
				return 0;
			continue;
		}
		len = sizeof scratch;
		switch (n ? command[0] : POWER_OFF) {
		case POWER_OFF:
			vreader_power_off(reader);
			break;
		case POWER_ON:
		case RESET:
			vreader_power_on(reader, scratch, &len);
			break;
		case GET_ATR:
			if (vreader_card_is_present(reader) != VREADER_OK || answer(fd, atr, atr_len))
				return 0;
		}
	}
}
