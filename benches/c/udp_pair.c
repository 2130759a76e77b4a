/*
 * The least that a UDP ping can be: the yardstick of benches/udp_ping.rs.
 *
 *   udp_pair server             answers on a free port of loopback, which it prints
 *   udp_pair client PORT COUNT  pings COUNT times, one after the other; prints
 *                               the median RTT in nanoseconds
 *   udp_pair load PORT MS       sends for MS milliseconds without waiting for
 *                               replies; prints how many it sent and got back
 *
 * A request costs the server two system calls, recvfrom and sendto, and the
 * client two, send and recv. Whatever a program does beyond these shows up in
 * a comparison with this one. There are no options and no losses; an error
 * ends the program.
 */

#define _GNU_SOURCE /* sendmmsg and recvmmsg, for the load */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { DATAGRAM = 65536, SOCKETS = 4, BATCH = 32 };

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

static void upper_case(char *bytes, ssize_t length)
{
    for (ssize_t i = 0; i < length; i++)
        bytes[i] = toupper((unsigned char)bytes[i]);
}

/* 34 bytes for a seq of one digit, as udp_ping_client sends; the time in it stands still. */
static int make_request(char *buffer, size_t size, long seq)
{
    return snprintf(buffer, size, "Ping %ld 2026-11-21T08:18:28.123456Z", seq);
}

static void server(void)
{
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    check(s >= 0, "socket");
    struct sockaddr_in address = loopback(0);
    check(bind(s, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    socklen_t size = sizeof address;
    check(getsockname(s, (struct sockaddr *)&address, &size) == 0, "getsockname");
    printf("udp_pair: listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);

    static char buffer[DATAGRAM];
    for (;;) {
        struct sockaddr_in client;
        size = sizeof client;
        ssize_t length =
            recvfrom(s, buffer, sizeof buffer, 0, (struct sockaddr *)&client, &size);
        check(length >= 0, "recvfrom");
        upper_case(buffer, length);
        check(sendto(s, buffer, length, 0, (struct sockaddr *)&client, size) == length, "sendto");
    }
}

static int connected(int port)
{
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    check(s >= 0, "socket");
    struct sockaddr_in address = loopback(port);
    check(connect(s, (struct sockaddr *)&address, sizeof address) == 0, "connect");
    return s;
}

static int ascending(const void *a, const void *b)
{
    long long x = *(const long long *)a, y = *(const long long *)b;
    return (x > y) - (x < y);
}

static void client(int port, long count)
{
    int s = connected(port);
    struct timeval second = {.tv_sec = 1};
    check(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second) == 0, "setsockopt");
    long long *rtts = malloc(count * sizeof *rtts);
    check(rtts != NULL, "malloc");

    static char reply[DATAGRAM];
    for (long i = 0; i < count; i++) {
        char request[64];
        int length = make_request(request, sizeof request, i + 1);
        long long sent = now_ns();
        check(send(s, request, length, 0) == length, "send");
        ssize_t got = recv(s, reply, sizeof reply, 0);
        rtts[i] = now_ns() - sent;
        check(got >= 0, "recv");
        upper_case(request, length);
        if (got != length || memcmp(request, reply, length) != 0) {
            fprintf(stderr, "ping %ld got another reply than its own\n", i + 1);
            exit(1);
        }
    }
    qsort(rtts, count, sizeof *rtts, ascending);
    printf("%lld\n", rtts[count / 2]);
}

/*
 * Open loop: requests go out whether or not replies come back. Several of them
 * a system call, so that one processor of two can keep the server on the
 * other busy without end.
 */
static void load(int port, long ms)
{
    char request[64];
    static char replies[BATCH][64];
    struct iovec out = {request, make_request(request, sizeof request, 1)}, in[BATCH];
    struct mmsghdr requests[BATCH] = {0}, room[BATCH] = {0};
    for (int i = 0; i < BATCH; i++) {
        in[i] = (struct iovec){replies[i], sizeof replies[i]};
        requests[i].msg_hdr = (struct msghdr){.msg_iov = &out, .msg_iovlen = 1};
        room[i].msg_hdr = (struct msghdr){.msg_iov = &in[i], .msg_iovlen = 1};
    }
    int sockets[SOCKETS];
    for (int i = 0; i < SOCKETS; i++)
        sockets[i] = connected(port);

    long long sent = 0, answered = 0, end = now_ns() + ms * 1000000LL;
    while (now_ns() < end) {
        for (int i = 0; i < SOCKETS; i++) {
            int n = sendmmsg(sockets[i], requests, BATCH, 0);
            check(n >= 0, "sendmmsg");
            sent += n;
            while ((n = recvmmsg(sockets[i], room, BATCH, MSG_DONTWAIT, NULL)) > 0)
                answered += n;
        }
    }
    printf("%lld %lld\n", sent, answered);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "server") == 0)
        server();
    else if (argc == 4 && strcmp(argv[1], "client") == 0)
        client(atoi(argv[2]), atol(argv[3]));
    else if (argc == 4 && strcmp(argv[1], "load") == 0)
        load(atoi(argv[2]), atol(argv[3]));
    else {
        fprintf(stderr, "usage: udp_pair server | client PORT COUNT | load PORT MS\n");
        return 2;
    }
    return 0;
}
