/* SPDX-License-Identifier: ISC */
/*
 * nats_link: see nats_link.h.
 *
 * The library never connects anew by itself: what it would then send again could overtake.  The link ends instead, and
 * all that was not acknowledged is sent again in its order.
 */
#include "link/nats_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"

enum {
	POINTER = sizeof(void *),               /* bytes of what is in the pipe for a message */
	CONNECT_MS = 5000,
	PING_MS = 10000, PINGS = 2,             /* a server that answers neither of them is gone */
	WRITE_MS = 20000,                       /* one that takes nothing for so long, too */
	DESCRIPTORS = 1024,                     /* among those below the socket is looked for */
};

/* came -- in a thread of the library: hand a message, or NULL for the end, to the loop. */
static void
came(natsConnection *nc, natsSubscription *sub, natsMsg *m, void *closure)
{
	const struct nats_link *l = (const struct nats_link *)closure;

	(void)nc;
	(void)sub;
	if (io_write(l->into, &m, POINTER) == -1)
		natsMsg_Destroy(m);
}

static void
closed(natsConnection *nc, void *closure)
{
	came(nc, NULL, NULL, closure);
}

/* is_presence -- whether it is only that links must not hear of each other, by a question or its answer: they do without. */
static bool
is_presence(const char *text)
{
	return strstr(text, NATS_LINK_PRESENCE) != NULL || strstr(text, "Publish to \"_INBOX.") != NULL;
}

/*
 * wrong -- in a thread of the library, which would print on standard error what it finds wrong.  It closes the connection
 * for it, but for what the server does not permit: nothing else would tell of that, as nothing comes.
 */
static void
wrong(natsConnection *nc, natsSubscription *sub, natsStatus s, void *closure)
{
	struct nats_link *l = (struct nats_link *)closure;
	const char *text = nats_GetLastError(NULL);

	if (s != NATS_NOT_PERMITTED || l->denied || (text != NULL && is_presence(text)))
		return;
	snprintf(l->denial, sizeof l->denial, "%s", text != NULL ? text : natsStatus_GetText(s));
	l->denied = true;
	came(nc, sub, NULL, closure);
}

static const char *
reason(natsStatus s)
{
	natsStatus last;
	const char *text = nats_GetLastError(&last), *words;

	if (text == NULL || text[0] == '\0' || last != s)
		return natsStatus_GetText(s);
	words = strstr(text, "): ");            /* behind the place in the library's source */
	return text[0] == '(' && words != NULL ? words + 3 : text;
}

/* denied -- say what is not permitted.  Returns the exit status. */
static int
denied(const struct nats_link *l)
{
	adapter_say("%s", l->denial);
	return ADAPTER_SETUP;
}

int
nats_link_failed(const struct nats_link *l, const char *doing, natsStatus s, jsErrCode code)
{
	if (l->denied)
		return denied(l);
	adapter_say("%s: %s", doing, reason(s));
	switch (s) {
	case NATS_CONNECTION_AUTH_FAILED: case NATS_NOT_PERMITTED: case NATS_SSL_ERROR: case NATS_INVALID_ARG:
	case NATS_SECURE_CONNECTION_REQUIRED: case NATS_SECURE_CONNECTION_WANTED: case NATS_NOT_FOUND:
		return ADAPTER_SETUP;
	default:
		return code == JSNotEnabledErr || code == JSNotEnabledForAccountErr ? ADAPTER_SETUP : ADAPTER_LATER;
	}
}

/* secure -- TLS, for schemes other than nats. */
static natsStatus
secure(natsOptions *o, const struct url *u, const char *host)
{
	const char *cacert = url_option(u, "cacert");
	natsStatus s = NATS_OK;

	if (strcmp(u->scheme, "nats") == 0)
		return NATS_OK;
	s = natsOptions_SetSecure(o, true);
	if (s == NATS_OK)
		s = natsOptions_SetExpectedHostname(o, host);
	if (s == NATS_OK && cacert != NULL)
		s = natsOptions_LoadCATrustedCertificates(o, cacert);
	return s;
}

static natsStatus
login_as(natsOptions *o, const struct netrc *n)
{
	return n->login[0] == '\0' ? natsOptions_SetToken(o, n->password) : natsOptions_SetUserInfo(o, n->login, n->password);
}

/* settings -- all options of a connection to one host. */
static natsStatus
settings(natsOptions *o, struct nats_link *l, const struct url *u, unsigned i, const struct netrc *n)
{
	const char *host = u->hosts[i].name;
	char url[URL_MAX + 32];
	natsStatus s[] = {
		natsOptions_SetAllowReconnect(o, false),
		natsOptions_SetTimeout(o, CONNECT_MS),
		natsOptions_SetPingInterval(o, PING_MS),
		natsOptions_SetMaxPingsOut(o, PINGS),
		natsOptions_SetWriteDeadline(o, WRITE_MS),
		natsOptions_SetName(o, "letterbox"),
		natsOptions_SetNoEcho(o, true),
		natsOptions_SetClosedCB(o, closed, l),
		natsOptions_SetErrorHandler(o, wrong, l),
		n != NULL ? login_as(o, n) : NATS_OK,
		secure(o, u, host),
		NATS_OK,
	};

	snprintf(url, sizeof url, strchr(host, ':') != NULL ? "nats://[%s]:%u" : "nats://%s:%u", host, u->hosts[i].port);
	s[sizeof s / sizeof *s - 1] = natsOptions_SetURL(o, url);
	for (unsigned k = 0; k < sizeof s / sizeof *s; k++)
		if (s[k] != NATS_OK)
			return s[k];
	return NATS_OK;
}

/*
 * not_inherited -- the library's socket is not to stay open in commands that are started, or the server would not see
 * that we are gone.  It does not tell which one that is.
 */
static void
not_inherited(void)
{
	for (int fd = STDERR_FILENO + 1; fd < DESCRIPTORS; fd++) {
		struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
		socklen_t len = sizeof peer;

		if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && (peer.ss_family == AF_INET || peer.ss_family == AF_INET6))
			(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
}

/* connect_to -- connect to one host. */
static int
connect_to(struct nats_link *l, const struct url *u, unsigned i)
{
	struct netrc n;
	natsOptions *o = NULL;
	natsStatus s;
	int known = adapter_login(u->hosts[i].name, &n);

	if (known == -1)
		return ADAPTER_SETUP;
	s = natsOptions_Create(&o);
	if (s == NATS_OK)
		s = settings(o, l, u, i, known == 1 ? &n : NULL);
	if (s == NATS_OK)
		s = natsConnection_Connect(&l->connection, o);
	natsOptions_Destroy(o);
	if (s != NATS_OK)
		return nats_link_failed(l, u->hosts[i].name, s, 0);
	not_inherited();
	return 0;
}

/* inbox -- subscribe to all that is for us. */
static natsStatus
inbox(struct nats_link *l)
{
	natsInbox *own = NULL;
	char all[NATS_LINK_REPLY_MAX];
	natsStatus s = natsInbox_Create(&own);

	if (s != NATS_OK)
		return s;
	snprintf(l->inbox, sizeof l->inbox, "%s.", own);
	natsInbox_Destroy(own);
	snprintf(all, sizeof all, "%s>", l->inbox);
	s = natsConnection_Subscribe(&l->answers, l->connection, all, came, l);
	return s == NATS_OK ? natsSubscription_SetPendingLimits(l->answers, -1, -1) : s;
}

/* keeps_none -- why a stream keeps no message, or does not tell; NULL: it does. */
static const char *
keeps_none(const jsStreamInfo *info)
{
	if (info->Config->Sealed)
		return "is sealed";
	if (info->Config->NoAck)
		return "acknowledges nothing (no_ack)";
	if (info->Config->Retention == js_InterestPolicy && info->State.Consumers == 0)
		return "keeps nothing as long as it has no consumer (retention interest)";
	return NULL;
}

int
nats_link_stream(struct nats_link *l, const struct url *u)
{
	const char *wanted = url_option(u, "stream");
	jsStreamInfoList *list = NULL;
	jsOptions o;
	jsErrCode code = 0;
	natsStatus s = jsOptions_Init(&o);
	int status = 0;

	o.Stream.Info.SubjectsFilter = l->subject;
	if (s == NATS_OK)
		s = js_Streams(&list, l->js, &o, &code);
	if (s != NATS_OK && s != NATS_NOT_FOUND)
		return nats_link_failed(l, "JetStream", s, code);
	for (int i = 0; s == NATS_OK && i < list->Count; i++) {
		const jsStreamInfo *info = list->List[i];

		if (wanted != NULL && strcmp(wanted, info->Config->Name) != 0)
			continue;
		snprintf(l->stream, sizeof l->stream, "%s", info->Config->Name);
		l->created_ns = info->Created;
		l->keeps_none = keeps_none(info);
		break;
	}
	if (l->stream[0] == '\0') {
		adapter_say(wanted != NULL ? "stream %s has no subject %s" : "%s%s: no stream has this subject",
		    wanted != NULL ? wanted : "", l->subject);
		status = ADAPTER_SETUP;
	}
	jsStreamInfoList_Destroy(list);
	return status;
}

int
nats_link_open(struct nats_link *l, const struct url *u)
{
	int fds[2], status = ADAPTER_LATER, r;
	natsStatus s;

	*l = (struct nats_link){ .subject = u->path };
	if (u->path[0] == '\0' || strpbrk(u->path, " *>\t\r\n") != NULL) {
		adapter_say("%s: the path must be a subject, without * and >", u->shown);
		return ADAPTER_URL;
	}
	if (pipe2(fds, O_CLOEXEC) == -1 || fcntl(fds[0], F_SETFL, O_NONBLOCK) == -1) {
		adapter_say("pipe: %s", strerror(errno));
		return ADAPTER_LATER;
	}
	l->events = fds[0];
	l->into = fds[1];
	for (unsigned i = 0; i < u->n_hosts && l->connection == NULL; i++) {
		r = connect_to(l, u, i);
		status = i == 0 || r == ADAPTER_LATER ? r : status;
	}
	if (l->connection == NULL)
		return status;
	s = natsConnection_JetStream(&l->js, l->connection, NULL);
	if (s == NATS_OK)
		s = inbox(l);
	return s == NATS_OK ? nats_link_stream(l, u) : nats_link_failed(l, "subscribe", s, 0);
}

int
nats_link_next(struct nats_link *l, natsMsg **m)
{
	ssize_t got = read(l->events, m, POINTER);

	/* a pipe has whole pointers: each is written at one stroke */
	if (got == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	return got == POINTER && *m != NULL ? 1 : -1;
}

const char *
nats_link_suffix(const struct nats_link *l, natsMsg *m)
{
	const char *subject = natsMsg_GetSubject(m);
	size_t len = strlen(l->inbox);

	return strncmp(subject, l->inbox, len) == 0 ? subject + len : "";
}

unsigned
nats_link_status(natsMsg *m)
{
	const char *status = NULL;

	if (natsMsg_GetDataLength(m) > 0 || natsMsgHeader_Get(m, "Status", &status) != NATS_OK)
		return 0;
	return (unsigned)strtoul(status, NULL, 10);
}

int
nats_link_lost(const struct nats_link *l)
{
	const char *text = NULL;

	if (l->denied)
		return denied(l);
	(void)natsConnection_GetLastError(l->connection, &text);
	adapter_say("the connection is lost%s%s", text != NULL && text[0] != '\0' ? ": " : "", text != NULL ? text : "");
	return ADAPTER_LATER;
}

void
nats_link_close(struct nats_link *l)
{
	if (l->connection == NULL)
		return;
	(void)natsConnection_FlushTimeout(l->connection, CONNECT_MS);
	/* a thread that is about to write must not wait for ever */
	io_close(l->events);
	natsConnection_Close(l->connection);
}
