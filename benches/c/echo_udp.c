/*
 * The least that a UDP echo server can be: the yardstick of benches/echo.rs.
 *
 *   echo_udp      answers on a free port of loopback, which it prints
 *
 * A datagram costs it two system calls. Whatever a server does beyond these
 * shows up in a comparison with this one.
 */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static void check(int good, const char *call)
{
    if (!good) {
        perror(call);
        exit(1);
    }
}

int main(void)
{
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    check(s >= 0, "socket");
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(bind(s, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    socklen_t size = sizeof address;
    check(getsockname(s, (struct sockaddr *)&address, &size) == 0, "getsockname");
    printf("echo_udp: listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);

    static char buffer[65536];
    for (;;) {
        struct sockaddr_in client;
        size = sizeof client;
        ssize_t length =
            recvfrom(s, buffer, sizeof buffer, 0, (struct sockaddr *)&client, &size);
        check(length >= 0, "recvfrom");
        check(sendto(s, buffer, length, 0, (struct sockaddr *)&client, size) == length, "sendto");
    }
}
