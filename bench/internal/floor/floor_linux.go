// Package floor is the least that forwarding can cost: a loop in C that takes
// datagrams with recvmmsg and sends each to a list of addresses with sendmmsg,
// and does nothing else. The relay is measured as a ratio to it.
package floor

/*
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, SIZE = 1500, VECTOR = 1024 };

static long long thread_ns(void) {
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// forward sends every datagram that comes to fd to all n addresses, until one
// of a single byte comes. It returns the thread's CPU time for that in ns.
static long long forward(int fd, struct sockaddr_in *to, int n) {
	static char buf[BATCH][SIZE];
	struct mmsghdr in[BATCH];
	struct iovec vec[BATCH], shared;
	struct mmsghdr *out = calloc(n, sizeof *out);
	memset(in, 0, sizeof in);
	for (int i = 0; i < BATCH; i++) {
		vec[i].iov_base = buf[i];
		vec[i].iov_len = SIZE;
		in[i].msg_hdr.msg_iov = &vec[i];
		in[i].msg_hdr.msg_iovlen = 1;
	}
	for (int i = 0; i < n; i++) {
		out[i].msg_hdr.msg_name = &to[i];
		out[i].msg_hdr.msg_namelen = sizeof to[i];
		out[i].msg_hdr.msg_iov = &shared;
		out[i].msg_hdr.msg_iovlen = 1;
	}
	long long begin = thread_ns();
	for (;;) {
		int got = recvmmsg(fd, in, BATCH, MSG_WAITFORONE, NULL);
		for (int i = 0; i < got; i++) {
			if (in[i].msg_len == 1) {
				free(out);
				return thread_ns() - begin;
			}
			shared.iov_base = buf[i];
			shared.iov_len = in[i].msg_len;
			for (int at = 0; at < n;) {
				int sent = sendmmsg(fd, out + at, n - at < VECTOR ? n - at : VECTOR, 0);
				at += sent > 0 ? sent : 1;
			}
		}
	}
}
*/
import "C"

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"time"
	"unsafe"
)

// Forward sends every datagram that comes to the blocking IPv4 socket fd to
// all these addresses, until one of a single byte comes, and returns the CPU
// time that took. One at a time.
func Forward(fd int, to []netip.AddrPort) time.Duration {
	addrs := make([]C.struct_sockaddr_in, len(to))
	for i, a := range to {
		ip, port := a.Addr().As4(), a.Port()
		addrs[i].sin_family = C.AF_INET
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&addrs[i].sin_port))[:], port)
		*(*[4]byte)(unsafe.Pointer(&addrs[i].sin_addr)) = ip
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return time.Duration(C.forward(C.int(fd), &addrs[0], C.int(len(addrs))))
}
