/* The least that publishing costs: connections that write the same PUBLISH over and over, without timing, numbering or
 * looking at anything but the number of acknowledgements. What tests/bench/bench_compare.py compares `mqkit bench` with.
 *
 *   loop PORT QOS CLIENTS WINDOW SECONDS      prints the number of messages (at QoS 1: acknowledged ones)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PAYLOAD = 100, BLOCK = 64 * 1024 };

struct client {
    int fd;
    unsigned id, window;           /* next identifier, free places */
    char out[2 * BLOCK];
    size_t from, to;               /* what of it is not written */
    unsigned acked_bytes;          /* of a PUBACK that was read in part */
};

static unsigned long total;

static size_t publish(char *at, int qos, unsigned id, int number) {
    char topic[32];
    int length = sprintf(topic, "loop/bench/%08d", number);
    int rest = 2 + length + (qos ? 2 : 0) + PAYLOAD;
    size_t n = 0;
    at[n++] = (char)(0x30 | qos << 1);
    at[n++] = (char)((rest & 0x7f) | 0x80);
    at[n++] = (char)(rest >> 7);
    at[n++] = (char)(length >> 8), at[n++] = (char)length;
    memcpy(at + n, topic, (size_t)length), n += (size_t)length;
    if (qos) at[n++] = (char)(id >> 8), at[n++] = (char)id;
    memset(at + n, 'x', PAYLOAD);
    return n + PAYLOAD;
}

static void fill(struct client *c, int qos, int number) {
    if (c->from == c->to) c->from = c->to = 0;
    while (c->to < BLOCK && (qos == 0 || c->window > 0)) {
        c->id = c->id % 65535 + 1;
        c->to += publish(c->out + c->to, qos, c->id, number);
        if (qos) c->window--;
        else total++;
    }
}

static int flush(struct client *c) {
    while (c->from < c->to) {
        ssize_t n = write(c->fd, c->out + c->from, c->to - c->from);
        if (n < 0) return errno == EAGAIN ? 0 : -1;
        c->from += (size_t)n;
    }
    return 0;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    int port = atoi(argv[1]), qos = atoi(argv[2]), clients = atoi(argv[3]), window = atoi(argv[4]);
    double end = now() + atof(argv[5]);
    struct client *all = calloc((size_t)clients, sizeof *all);
    int epoll = epoll_create1(0);
    for (int i = 0; i < clients; i++) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        struct client *c = &all[i];
        c->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(c->fd, (struct sockaddr *)&to, sizeof to)) return perror("connect"), 1;
        int one = 1;
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        char hello[64], answer[4];
        int length = sprintf(hello + 14, "loop%08d", i);
        memcpy(hello, "\x10\x18\x00\x04MQTT\x04\x02\x00\x3c\x00\x0c", 14);
        if (write(c->fd, hello, (size_t)(14 + length)) < 0 || read(c->fd, answer, 4) != 4 || answer[3]) return 1;
        fcntl(c->fd, F_SETFL, O_NONBLOCK);
        c->window = (unsigned)window;
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = (unsigned)i};
        epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
    }
    struct epoll_event events[256];
    while (now() < end) {
        int n = epoll_wait(epoll, events, 256, 100);
        for (int i = 0; i < n; i++) {
            struct client *c = &all[events[i].data.u32];
            char in[BLOCK];
            for (ssize_t got; (got = read(c->fd, in, sizeof in)) > 0;) {
                /* Nothing but PUBACKs of four bytes comes. */
                unsigned bytes = c->acked_bytes + (unsigned)got;
                c->window += bytes / 4, total += bytes / 4, c->acked_bytes = bytes % 4;
            }
            do {
                fill(c, qos, (int)events[i].data.u32);
                if (flush(c)) return perror("write"), 1;
            } while (qos == 0 && c->from == c->to && now() < end);
        }
    }
    printf("%lu\n", total);
    return 0;
}
