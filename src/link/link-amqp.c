/* SPDX-License-Identifier: ISC */
/*
 * link-amqp -- the adapter of mlink(1) for brokers that speak AMQP 0-9-1: RabbitMQ.
 *
 *     amqp://host[:port][,host[:port]...]/queue[?vhost=...&heartbeat=SECONDS&max=BYTES&prefetch=N]
 *     amqps://... the same with TLS, and &cacert=FILE
 */
#include <stddef.h>

#include "link/adapter.h"
#include "link/amqp_in.h"
#include "link/amqp_out.h"

static const char *const schemes[] = { "amqp", "amqps", NULL };
static const char *const options[] = { "vhost", "heartbeat", "max", "prefetch", "cacert", NULL };

int
main(int argc, char **argv)
{
	static const struct adapter amqp = {
		.name = "link-amqp",
		.schemes = schemes,
		.options = options,
		.out = amqp_out,
		.in = amqp_in,
	};

	return adapter_run(&amqp, argc, argv);
}
