/*
 * The least that a threaded TCP ping server can be, and a load for it: the
 * yardstick of benches/tcp_ping.rs.
 *
 *   tcp_server server                    answers on a free port of loopback, which
 *                                        it prints
 *   tcp_server load PORT MS CLIENTS keep pings for MS milliseconds from so many
 *                                        threads, each over one connection; with
 *                                        `new` each ping over another; prints how
 *                                        many were answered
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

static int port, keep;
static long long until;

static void *ping(void *argument)
{
    struct sockaddr_in address = loopback(port);
    long *answered = argument;
    int stream = -1;
    while (now_ns() < until) {
        char reply[LENGTH];
        ssize_t got = 0;
        if (stream < 0) {
            stream = socket(AF_INET, SOCK_STREAM, 0);
            check(stream >= 0, "socket");
            check(connect(stream, (struct sockaddr *)&address, sizeof address) == 0, "connect");
        }
        check(write(stream, REQUEST, LENGTH) == LENGTH, "write");
        while (got < LENGTH) {
            ssize_t length = read(stream, reply + got, LENGTH - got);
            check(length > 0, "read");
            got += length;
        }
        check(memcmp(reply, "PING 1 ", 7) == 0, "the reply");
        ++*answered;
        if (!keep) {
            close(stream);
            stream = -1;
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "server") == 0)
        server();
    if (argc != 6 || strcmp(argv[1], "load") != 0)
        return 2;
    enum { MOST = 64 };
    pthread_t threads[MOST];
    long answered[MOST] = {0}, all = 0;
    int clients = atoi(argv[4]);
    if (clients < 1 || clients > MOST)
        return 2;
    port = atoi(argv[2]);
    keep = strcmp(argv[5], "keep") == 0;
    until = now_ns() + atoll(argv[3]) * 1000000;
    for (int i = 0; i < clients; i++)
        check(pthread_create(&threads[i], NULL, ping, &answered[i]) == 0, "pthread_create");
    for (int i = 0; i < clients; i++) {
        pthread_join(threads[i], NULL);
        all += answered[i];
    }
    printf("%ld\n", all);
    return 0;
}
