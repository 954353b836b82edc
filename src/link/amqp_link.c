/* SPDX-License-Identifier: ISC */
/* amqp_link: see amqp_link.h. */
#include "link/amqp_link.h"

#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	HEARTBEAT_S = 20,
	CONNECT_S = 10,                 /* for a host that does not answer */
	CALL_S = 30,                    /* for an answer of the broker: a quorum queue may be choosing a leader */
	FRAME_MAX = 131072,             /* bytes */
};

/* Where systems keep the certificates that they trust: the first of these that is there. */
static const char *const trusted[] = {
	"/etc/ssl/certs/ca-certificates.crt",   /* Debian, Alpine, Arch */
	"/etc/pki/tls/certs/ca-bundle.crt",     /* Fedora */
	"/etc/ssl/ca-bundle.pem",               /* openSUSE */
	"/etc/ssl/cert.pem",
};

int
amqp_link_lost(int library_status)
{
	adapter_say("lost the connection: %s", amqp_error_string2(library_status));
	return ADAPTER_LATER;
}

/*
 * close_status -- what a broker's code says: whether somebody must set something right.  A queue on a node that is down
 * is said to be not found, too.
 */
static int
close_status(unsigned code, const char *text)
{
	switch (code) {
	case AMQP_NOT_FOUND:
	case AMQP_RESOURCE_LOCKED:
		return strstr(text, "down or inaccessible") != NULL ? ADAPTER_LATER : ADAPTER_SETUP;
	case AMQP_ACCESS_REFUSED:
	case AMQP_INVALID_PATH:
	case AMQP_NOT_ALLOWED:
	case AMQP_NOT_IMPLEMENTED:
		return ADAPTER_SETUP;
	default:
		return ADAPTER_LATER;
	}
}

/* closed -- the broker has closed the channel, or the connection. */
static int
closed(unsigned code, amqp_bytes_t text)
{
	char words[256];
	size_t n = text.len < sizeof words ? text.len : sizeof words - 1;

	memcpy(words, text.bytes, n);
	words[n] = '\0';
	if (strstr(words, "rabbit_stream_queue") != NULL) {
		adapter_say("the queue is a stream, which keeps no place for a link to go on from");
		return ADAPTER_SETUP;
	}
	adapter_say("the broker says %u: %s", code, words);
	return close_status(code, words);
}

int
amqp_link_closed(const amqp_channel_close_t *m)
{
	return closed(m->reply_code, m->reply_text);
}

/* judge -- the exit status for an answer to a call; 0: it went well. */
static int
judge(amqp_rpc_reply_t r)
{
	if (r.reply_type == AMQP_RESPONSE_NORMAL)
		return 0;
	if (r.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION) {
		if (r.reply.id == AMQP_CHANNEL_CLOSE_METHOD)
			return amqp_link_closed(r.reply.decoded);
		if (r.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
			const amqp_connection_close_t *m = r.reply.decoded;

			return closed(m->reply_code, m->reply_text);
		}
	}
	return amqp_link_lost(r.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION ? r.library_error : AMQP_STATUS_CONNECTION_CLOSED);
}

/* tls -- a TLS socket that trusts the certificates of the URL's cacert, of $SSL_CERT_FILE, or the system's. */
static amqp_socket_t *
tls(struct amqp_link *l, const struct url *u)
{
	amqp_socket_t *s = amqp_ssl_socket_new(l->state);
	const char *file = url_option(u, "cacert");
	int r = AMQP_STATUS_SSL_ERROR;

	if (s == NULL)
		return NULL;
	if (file == NULL)
		file = getenv("SSL_CERT_FILE");
	for (unsigned i = 0; file == NULL && i < sizeof trusted / sizeof trusted[0]; i++)
		if (access(trusted[i], R_OK) == 0)
			file = trusted[i];
	if (file != NULL)
		r = amqp_ssl_socket_set_cacert(s, file);
	if (r != AMQP_STATUS_OK) {
		adapter_say("%s: cannot read the certificates to trust", file != NULL ? file : "cacert=FILE");
		return NULL;
	}
	amqp_ssl_socket_set_verify_peer(s, 1);
	amqp_ssl_socket_set_verify_hostname(s, 1);
	return s;
}

/* reach -- a connection to a host. */
static int
reach(struct amqp_link *l, const struct url *u, const char *host, unsigned port)
{
	bool secure = strcmp(u->scheme, "amqps") == 0;
	unsigned silence_ms = (unsigned)l->heartbeat_s * 2000;
	amqp_socket_t *s;
	int r;

	l->state = amqp_new_connection();
	if (l->state == NULL)
		return amqp_link_lost(AMQP_STATUS_NO_MEMORY);
	s = secure ? tls(l, u) : amqp_tcp_socket_new(l->state);
	if (s == NULL)
		return ADAPTER_SETUP;
	if (port == 0)
		port = secure ? 5671 : 5672;
	r = amqp_socket_open_noblock(s, host, (int)port, &(struct timeval){ .tv_sec = CONNECT_S });
	if (r != AMQP_STATUS_OK) {
		adapter_say("%s port %u: %s", host, port,
		    r == AMQP_STATUS_SOCKET_ERROR ? "cannot connect" : amqp_error_string2(r));
		return r == AMQP_STATUS_SSL_PEER_VERIFY_FAILED || r == AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED ?
		    ADAPTER_SETUP : ADAPTER_LATER;
	}
	l->fd = amqp_get_sockfd(l->state);
	/* what we send into a cut cable: tcp(7), TCP_USER_TIMEOUT */
	(void)setsockopt(l->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence_ms, sizeof silence_ms);
	return 0;
}

/* table_bool -- an entry KEY: true. */
static amqp_table_entry_t
table_bool(const char *key)
{
	return (amqp_table_entry_t){ amqp_cstring_bytes(key), { .kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1 } };
}

/* log_in -- with the name and password for the host; else as a broker lets anybody in from its own machine. */
static int
log_in(struct amqp_link *l, const struct url *u, const char *host)
{
	amqp_table_entry_t can[] = { table_bool("authentication_failure_close"), table_bool("basic.nack"),
		table_bool("connection.blocked"), table_bool("consumer_cancel_notify"), table_bool("publisher_confirms") };
	amqp_table_entry_t properties[] = {
		{ amqp_cstring_bytes("product"), { .kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes("letterbox") } },
		{ amqp_cstring_bytes("capabilities"), { .kind = AMQP_FIELD_KIND_TABLE,
			.value.table = { sizeof can / sizeof can[0], can } } },
	};
	amqp_table_t table = { sizeof properties / sizeof properties[0], properties };
	const char *vhost = url_option(u, "vhost");
	struct netrc login;
	int found = adapter_login(host, &login);
	amqp_rpc_reply_t r;

	if (found == -1)
		return ADAPTER_SETUP;
	r = amqp_login_with_properties(l->state, vhost != NULL ? vhost : "/", AMQP_LINK_CHANNEL, FRAME_MAX, l->heartbeat_s,
	    &table, AMQP_SASL_METHOD_PLAIN, found ? login.login : "guest", found ? login.password : "guest");
	explicit_bzero(&login, sizeof login);
	if (r.reply_type == AMQP_RESPONSE_NORMAL) {
		l->heartbeat_s = amqp_get_heartbeat(l->state);
		amqp_set_rpc_timeout(l->state, &(struct timeval){ .tv_sec = CALL_S });
	}
	return judge(r);
}

int
amqp_link_answer(struct amqp_link *l)
{
	return judge(amqp_get_rpc_reply(l->state));
}

int
amqp_link_channel(struct amqp_link *l)
{
	amqp_channel_open(l->state, AMQP_LINK_CHANNEL);
	return amqp_link_answer(l);
}

int
amqp_link_queue(struct amqp_link *l)
{
	amqp_queue_declare(l->state, AMQP_LINK_CHANNEL, amqp_cstring_bytes(l->queue), 1, 0, 0, 0, amqp_empty_table);
	return amqp_link_answer(l);
}

/* try -- all of it, with one host. */
static int
try(struct amqp_link *l, const struct url *u, unsigned i)
{
	int status = reach(l, u, u->hosts[i].name, u->hosts[i].port);

	if (status == 0)
		status = log_in(l, u, u->hosts[i].name);
	if (status == 0)
		status = amqp_link_channel(l);
	return status == 0 ? amqp_link_queue(l) : status;
}

int
amqp_link_open(struct amqp_link *l, const struct url *u)
{
	int status = ADAPTER_URL;
	uint64_t heartbeat_s;

	*l = (struct amqp_link){ .queue = u->path, .fd = -1 };
	if (*u->path == '\0' || strlen(u->path) > 255) {
		adapter_say("%s: the path must be the name of a queue", u->shown);
		return ADAPTER_URL;
	}
	if (url_number(u, "heartbeat", HEARTBEAT_S, 1, 3600, &heartbeat_s) == -1) {
		adapter_say("%s: heartbeat must be a number of seconds from 1 to 3600", u->shown);
		return ADAPTER_URL;
	}
	for (unsigned i = 0; i < u->n_hosts; i++) {
		l->heartbeat_s = (int)heartbeat_s;
		status = try(l, u, i);
		if (status == 0)
			break;
		amqp_link_close(l, false);
		if (status == ADAPTER_SETUP)
			break;
	}
	return status;
}

int
amqp_link_next(struct amqp_link *l, amqp_frame_t *frame, int *status)
{
	int r = amqp_simple_wait_frame_noblock(l->state, frame, &(struct timeval){ .tv_sec = 0 });

	if (r == AMQP_STATUS_TIMEOUT)
		return 0;
	if (r != AMQP_STATUS_OK) {
		*status = amqp_link_lost(r);
		return -1;
	}
	if (frame->frame_type == AMQP_FRAME_METHOD && frame->payload.method.id == AMQP_CONNECTION_CLOSE_METHOD) {
		const amqp_connection_close_t *m = frame->payload.method.decoded;
		amqp_connection_close_ok_t ok = { 0 };

		*status = closed(m->reply_code, m->reply_text);
		(void)amqp_send_method(l->state, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
		return -1;
	}
	return 1;
}

int
amqp_link_wait_ms(const struct amqp_link *l)
{
	return l->heartbeat_s > 0 ? l->heartbeat_s * 500 : -1;
}

void
amqp_link_close(struct amqp_link *l, bool sound)
{
	if (l->state == NULL)
		return;
	if (sound)
		amqp_connection_close(l->state, AMQP_REPLY_SUCCESS);
	amqp_destroy_connection(l->state);
	l->state = NULL;
	l->fd = -1;
}
