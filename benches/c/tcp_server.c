/*
 * The least that a threaded TCP ping server can be, and a load for it: the
 * yardstick of benches/tcp_ping.rs.
 *
 *   tcp_server server                    answers on a free port of loopback, which
 *                                        it prints
 *   tcp_server load PORT MS CLIENTS keep pings for MS milliseconds over so many
 *                                        connections at a time; with `new` each
 *                                        ping makes another; prints how many were
 *                                        answered
 *
 * A thread a connection, read, upper-case, write: whatever a server does beyond
 * these shows up in a comparison with this one. There are no options and no
 * losses; an error ends the program.
 */

#include <arpa/inet.h>
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char REQUEST[] = "ping 1 2026-11-21T08:18:28.123456Z";
enum { LENGTH = sizeof REQUEST - 1 };

static void check(int good, const char *call)
{
    if (!good) {
        perror(call);
        exit(1);
    }
}

static long long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static struct sockaddr_in loopback(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void *serve(void *argument)
{
    int client = (int)(long)argument;
    char buffer[4096];
    ssize_t length;
    while ((length = read(client, buffer, sizeof buffer)) > 0) {
        for (ssize_t i = 0; i < length; i++)
            buffer[i] = toupper((unsigned char)buffer[i]);
        if (write(client, buffer, length) != length)
            break;
    }
    close(client);
    return NULL;
}

static void server(void)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    check(listener >= 0, "socket");
    check(bind(listener, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    check(listen(listener, SOMAXCONN) == 0, "listen");
    check(getsockname(listener, (struct sockaddr *)&address, &size) == 0, "getsockname");
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        pthread_t thread;
        check(client >= 0, "accept");
        check(pthread_create(&thread, NULL, serve, (void *)(long)client) == 0, "pthread_create");
        pthread_detach(thread);
    }
}

/* Each round writes to all, and only then reads from all: so the server has
 * something to do all the time, and the load less than it. */
static void load(int port, long long ms, int clients, int keep)
{
    enum { MOST = 64 };
    struct sockaddr_in address = loopback(port);
    int streams[MOST];
    long answered = 0;
    long long until = now_ns() + ms * 1000000;
    check(clients >= 1 && clients <= MOST, "the number of clients");
    for (int first = 1; now_ns() < until; first = 0) {
        for (int i = 0; i < clients; i++) {
            if (first || !keep) {
                streams[i] = socket(AF_INET, SOCK_STREAM, 0);
                check(streams[i] >= 0, "socket");
                check(connect(streams[i], (struct sockaddr *)&address, sizeof address) == 0,
                      "connect");
            }
            check(write(streams[i], REQUEST, LENGTH) == LENGTH, "write");
        }
        for (int i = 0; i < clients; i++) {
            char reply[LENGTH];
            ssize_t got = 0;
            while (got < LENGTH) {
                ssize_t length = read(streams[i], reply + got, LENGTH - got);
                check(length > 0, "read");
                got += length;
            }
            check(memcmp(reply, "PING 1 ", 7) == 0, "the reply");
            answered++;
            if (!keep)
                close(streams[i]);
        }
    }
    printf("%ld\n", answered);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "server") == 0)
        server();
    if (argc != 6 || strcmp(argv[1], "load") != 0)
        return 2;
    load(atoi(argv[2]), atoll(argv[3]), atoi(argv[4]), strcmp(argv[5], "keep") == 0);
    return 0;
}
