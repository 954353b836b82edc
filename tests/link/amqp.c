/* SPDX-License-Identifier: ISC */
/*
 * amqp: another program at a broker on the loopback, as anybody writes it with librabbitmq.
 *
 *     amqp PORT make QUEUE [KEY=VALUE...]        a durable queue, with arguments: x-queue-type=quorum
 *     amqp PORT delete QUEUE
 *     amqp PORT count QUEUE                      the number of messages that are ready
 *     amqp PORT put QUEUE [MBOX [APP]]           standard input as one message; its header mbox, and its app-id
 *     amqp PORT publish QUEUE COUNT SIZE WINDOW  with confirms, WINDOW of them outstanding
 *     amqp PORT consume QUEUE COUNT WINDOW       acknowledges half a window at a time; checks nothing
 *
 * Exits 1 where the broker says no.
 */
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNEL = 1, PUT_MAX = 1 << 20 };

static amqp_connection_state_t conn;

static void
check(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "amqp: %s\n", what);
	exit(1);
}

static void
answered(const char *what)
{
	check(amqp_get_rpc_reply(conn).reply_type == AMQP_RESPONSE_NORMAL, what);
}

static void
connect_to(int port)
{
	amqp_socket_t *s;

	conn = amqp_new_connection();
	s = amqp_tcp_socket_new(conn);
	check(s != NULL && amqp_socket_open(s, "127.0.0.1", port) == AMQP_STATUS_OK, "connect");
	check(amqp_login(conn, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest").reply_type == AMQP_RESPONSE_NORMAL,
	    "login");
	amqp_channel_open(conn, CHANNEL);
	answered("channel");
}

static void
make(amqp_bytes_t queue, char **argument, int n)
{
	amqp_table_entry_t entries[8];

	check(n <= 8, "arguments");
	for (int i = 0; i < n; i++) {
		char *value = strchr(argument[i], '=');

		check(value != NULL, "an argument is KEY=VALUE");
		*value++ = '\0';
		entries[i].key = amqp_cstring_bytes(argument[i]);
		if (strspn(value, "0123456789") == strlen(value)) {
			entries[i].value.kind = AMQP_FIELD_KIND_I64;
			entries[i].value.value.i64 = atoll(value);
		} else if (strcmp(value, "true") == 0) {
			entries[i].value.kind = AMQP_FIELD_KIND_BOOLEAN;
			entries[i].value.value.boolean = 1;
		} else {
			entries[i].value.kind = AMQP_FIELD_KIND_UTF8;
			entries[i].value.value.bytes = amqp_cstring_bytes(value);
		}
	}
	amqp_queue_declare(conn, CHANNEL, queue, 0, 1, 0, 0, (amqp_table_t){ n, entries });
	answered("make");
}

/* publish -- one message.  mbox, app: NULL for none. */
static void
publish(amqp_bytes_t queue, amqp_bytes_t body, const char *mbox, const char *app)
{
	amqp_table_entry_t entry = { amqp_cstring_bytes("mbox"), { .kind = AMQP_FIELD_KIND_UTF8 } };
	amqp_basic_properties_t p = { ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = 2 };

	if (mbox != NULL) {
		entry.value.value.bytes = amqp_cstring_bytes(mbox);
		p._flags |= AMQP_BASIC_HEADERS_FLAG;
		p.headers = (amqp_table_t){ 1, &entry };
	}
	if (app != NULL) {
		p._flags |= AMQP_BASIC_APP_ID_FLAG;
		p.app_id = amqp_cstring_bytes(app);
	}
	check(amqp_basic_publish(conn, CHANNEL, amqp_empty_bytes, queue, 1, 0, &p, body) == AMQP_STATUS_OK, "publish");
}

/* confirmed -- wait until the broker has all but `open' of the n messages published. */
static void
confirmed(long n, long open)
{
	static long done;
	amqp_frame_t frame;

	while (n - done > open) {
		check(amqp_simple_wait_frame(conn, &frame) == AMQP_STATUS_OK, "confirm");
		check(frame.frame_type == AMQP_FRAME_METHOD && frame.payload.method.id == AMQP_BASIC_ACK_METHOD, "confirm");
		const amqp_basic_ack_t *ack = frame.payload.method.decoded;

		done = ack->multiple ? (long)ack->delivery_tag : done + 1;
		amqp_maybe_release_buffers(conn);
	}
}

static void
put(amqp_bytes_t queue, const char *mbox, const char *app)
{
	static char body[PUT_MAX];
	size_t n = fread(body, 1, sizeof body, stdin);

	amqp_confirm_select(conn, CHANNEL);
	answered("confirms");
	publish(queue, (amqp_bytes_t){ n, body }, mbox, app);
	confirmed(1, 0);
}

static void
publish_many(amqp_bytes_t queue, long count, size_t size, long window)
{
	char *body = calloc(1, size + 1);

	check(body != NULL, "memory");
	amqp_confirm_select(conn, CHANNEL);
	answered("confirms");
	for (long i = 1; i <= count; i++) {
		publish(queue, (amqp_bytes_t){ size, body }, NULL, NULL);
		confirmed(i, window - 1);
	}
	confirmed(count, 0);
	free(body);
}

static void
consume(amqp_bytes_t queue, long count, long window)
{
	amqp_envelope_t e;

	amqp_basic_qos(conn, CHANNEL, 0, (uint16_t)window, 0);
	answered("qos");
	amqp_basic_consume(conn, CHANNEL, queue, amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
	answered("consume");
	for (long i = 1; i <= count; i++) {
		amqp_maybe_release_buffers(conn);
		check(amqp_consume_message(conn, &e, NULL, 0).reply_type == AMQP_RESPONSE_NORMAL, "consume");
		if (i % ((window + 1) / 2) == 0 || i == count)
			check(amqp_basic_ack(conn, CHANNEL, e.delivery_tag, 1) == AMQP_STATUS_OK, "acknowledge");
		amqp_destroy_envelope(&e);
	}
}

int
main(int argc, char **argv)
{
	amqp_queue_declare_ok_t *found;
	amqp_bytes_t queue;

	if (argc < 4) {
		fprintf(stderr, "usage: amqp port make|delete|count|put|publish|consume queue [argument ...]\n");
		return 2;
	}
	queue = amqp_cstring_bytes(argv[3]);
	connect_to(atoi(argv[1]));
	if (strcmp(argv[2], "make") == 0) {
		make(queue, argv + 4, argc - 4);
	} else if (strcmp(argv[2], "delete") == 0) {
		amqp_queue_delete(conn, CHANNEL, queue, 0, 0);
		answered("delete");
	} else if (strcmp(argv[2], "count") == 0) {
		found = amqp_queue_declare(conn, CHANNEL, queue, 1, 0, 0, 0, amqp_empty_table);
		answered("count");
		printf("%u\n", found->message_count);
	} else if (strcmp(argv[2], "put") == 0) {
		put(queue, argc > 4 ? argv[4] : NULL, argc > 5 ? argv[5] : NULL);
	} else if (strcmp(argv[2], "publish") == 0 && argc == 7) {
		publish_many(queue, atol(argv[4]), (size_t)atol(argv[5]), atol(argv[6]));
	} else if (strcmp(argv[2], "consume") == 0 && argc == 6) {
		consume(queue, atol(argv[4]), atol(argv[5]));
	} else {
		return 2;
	}
	amqp_connection_close(conn, AMQP_REPLY_SUCCESS);
	amqp_destroy_connection(conn);
	return 0;
}
