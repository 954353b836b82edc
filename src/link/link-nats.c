/* SPDX-License-Identifier: ISC */
/*
 * link-nats -- the adapter of mlink(1) for NATS servers with JetStream.
 *
 *     nats://host[:port][,host[:port]...]/subject[?stream=NAME&durable=NAME]
 *     natss://... or tls://... the same with TLS, and &cacert=FILE
 */
#include <stddef.h>

#include "link/adapter.h"
#include "link/nats_in.h"
#include "link/nats_out.h"

static const char *const schemes[] = { "nats", "natss", "tls", NULL };
static const char *const options[] = { "stream", "durable", "cacert", NULL };

int
main(int argc, char **argv)
{
	static const struct adapter nats = {
		.name = "link-nats",
		.schemes = schemes,
		.options = options,
		.port = 4222,
		.out = nats_out,
		.in = nats_in,
	};

	return adapter_run(&nats, argc, argv);
}
