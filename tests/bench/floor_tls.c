/*
 * What a TLS connection costs if each has a process of its own that shakes hands, and
 * that is confined: a program that listens, has loaded OpenSSL and made its context, and
 * forks for each connection a process that greets, answers and ends.
 *     floor_tls CERTIFICATE KEY UID DIRECTORY PORT COMMAND
 * COMMAND gets an octet for each connection: with `floor UID DIRECTORY -` there are the
 * two other processes as well that a connection has before login.  The key is in the
 * process that shakes hands, where pop3d has a further one for it.
 *     floor_tls CERTIFICATE KEY UID DIRECTORY
 * is started by a super-server, and serves one connection; the two others are missing.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/compartment.h"

#define BACKLOG 1000

static SSL_CTX *
make_context(const char *certificate, const char *key)
{
	static const unsigned char id[] = "floor";
	SSL_CTX *context;

	if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return NULL;
	context = SSL_CTX_new(TLS_server_method());
	if (context == NULL ||
		SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
		SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
		SSL_CTX_set_session_id_context(context, id, sizeof(id)) != 1)
		return NULL;
	(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_mode(
		context, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS);
	(void)SSL_CTX_set_num_tickets(context, 1);
	return context;
}

static int
listen_at(const char *port)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((in_port_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
		bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
		listen(fd, BACKLOG) != 0)
		return -1;
	return fd;
}

/* Where the octets for the command go, whose input it is; -1: it cannot be started. */
static int
start(const char *command)
{
	int ends[2];
	pid_t pid;

	if (pipe(ends) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)dup2(ends[0], STDIN_FILENO);
		(void)close(ends[0]);
		(void)close(ends[1]);
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	(void)close(ends[0]);
	return pid > 0 ? ends[1] : -1;
}

/* QUIT ends it; what is answered is what the load generator asks for. */
static bool
converse(SSL *ssl)
{
	static const char greeting[] = "+OK\r\n", nothing[] = "+OK\r\n.\r\n",
			  bye[] = "+OK\r\n";
	char command[512];

	if (SSL_accept(ssl) != 1 || SSL_write(ssl, greeting, sizeof(greeting) - 1) <= 0)
		return false;
	for (;;) {
		if (SSL_read(ssl, command, sizeof(command)) <= 0)
			return false;
		if (command[0] == 'Q')
			break;
		if (SSL_write(ssl, nothing, sizeof(nothing) - 1) <= 0)
			return false;
	}
	return SSL_write(ssl, bye, sizeof(bye) - 1) > 0 && SSL_shutdown(ssl) >= 0;
}

static _Noreturn void
serve(SSL_CTX *context, int fd, uid_t uid, const char *directory)
{
	SSL *ssl = SSL_new(context);
	bool good = ssl != NULL && compartment_confine(uid, directory, NULL) &&
		    SSL_set_fd(ssl, fd) == 1 && converse(ssl);

	_exit(good ? 0 : 1);
}

static void
serve_all(SSL_CTX *context, int fd, int others, uid_t uid, const char *directory)
{
	int client;

	(void)signal(SIGCHLD, SIG_IGN);
	while ((client = accept(fd, NULL, NULL)) >= 0) {
		if (write(others, "x", 1) == 1 && fork() == 0)
			serve(context, client, uid, directory);
		(void)close(client);
	}
}

int
main(int argc, char **argv)
{
	SSL_CTX *context;
	uid_t uid;
	int fd, others;

	if (argc != 5 && argc != 7)
		return 2;
	others = argc == 7 ? start(argv[6]) : -1;
	uid = (uid_t)strtoul(argv[3], NULL, 10);
	context = make_context(argv[1], argv[2]);
	if (context != NULL && argc == 5)
		serve(context, STDIN_FILENO, uid, argv[4]);
	fd = argc == 7 ? listen_at(argv[5]) : -1;
	if (context != NULL && fd >= 0 && others >= 0)
		serve_all(context, fd, others, uid, argv[4]);
	perror("floor_tls");
	ERR_print_errors_fp(stderr);
	return 1;
}
