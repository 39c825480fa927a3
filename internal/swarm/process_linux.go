package swarm

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clockTick is the unit of CPU times in /proc/stat (proc(5), sysconf(_SC_CLK_TCK)):
// 100 per second on all Linux systems that Go runs on.
const clockTick = time.Second / 100

// listenerOf returns the process that has the UDP port of a relay on this
// host; 0 if that is another host, or cannot be seen.
func listenerOf(relay netip.AddrPort) int {
	if !isLocal(relay.Addr()) {
		return 0
	}
	inodes := map[string]bool{}
	for _, name := range udpTables {
		if text, err := os.ReadFile(name); err == nil {
			found, _ := unconnected(text, relay.Port())
			for _, inode := range found {
				inodes["socket:["+inode+"]"] = true
			}
		}
	}
	if len(inodes) == 0 {
		return 0
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && inodes[target] {
			pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
			return pid
		}
	}
	return 0
}

// unconnected returns the inodes of the sockets in the text of /proc/net/udp
// that are bound to the port and connected to nobody, and how many datagrams had no
// room in them.
func unconnected(text []byte, port uint16) (inodes []string, dropped uint64) {
	for line := range bytes.Lines(text) {
		f := strings.Fields(string(line)) // sl, local, remote, ..., inode (9), ref, pointer, drops
		if len(f) < 13 || !strings.HasSuffix(f[2], ":0000") {
			continue
		}
		_, hex, _ := strings.Cut(f[1], ":")
		if p, err := strconv.ParseUint(hex, 16, 16); err == nil && uint16(p) == port {
			inodes = append(inodes, f[9])
			n, _ := strconv.ParseUint(f[12], 10, 64)
			dropped += n
		}
	}
	return inodes, dropped
}

// overflowsOf returns how many datagrams the relay's sockets had no room for, if it is
// on this host.
func overflowsOf(relay netip.AddrPort) (sum uint64) {
	if !isLocal(relay.Addr()) {
		return 0
	}
	for _, name := range udpTables {
		if text, err := os.ReadFile(name); err == nil {
			_, n := unconnected(text, relay.Port())
			sum += n
		}
	}
	return sum
}

// backlogDrops returns how many packets this host has thrown away because the queue
// between a network device, loopback too, and its protocols was full
// (net.core.netdev_max_backlog); whose they were nobody knows.
func backlogDrops() uint64 {
	text, err := os.ReadFile("/proc/net/softnet_stat")
	if err != nil {
		return 0
	}
	return sumBacklogDrops(text)
}

// sumBacklogDrops reads /proc/net/softnet_stat: a line per core, in hexadecimal, dropped
// packets second.
func sumBacklogDrops(text []byte) (sum uint64) {
	for line := range bytes.Lines(text) {
		if f := strings.Fields(string(line)); len(f) > 1 {
			n, _ := strconv.ParseUint(f[1], 16, 64)
			sum += n
		}
	}
	return sum
}

// udpTables list the UDP sockets of this host (proc_net(5)).
var udpTables = []string{"/proc/net/udp", "/proc/net/udp6"}

// usageOf reads what a process has used. The error is that of a process that
// is not there.
func usageOf(pid int) (u usage, err error) {
	if pid <= 0 {
		return u, unix.ESRCH
	}
	// The CPU clock of another process (clock_getcpuclockid(3)); its number is
	// made as CPUCLOCK_SCHED of linux/posix-timers_types.h says. It counts in
	// nanoseconds, /proc/PID/stat in ticks.
	var cpu unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &cpu); err != nil {
		return u, os.NewSyscallError("clock_gettime", err)
	}
	u.cpu = time.Duration(cpu.Nano())
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return u, err
	}
	if f := strings.Fields(string(statm)); len(f) > 1 { // size, resident, ... in pages
		pages, _ := strconv.ParseUint(f[1], 10, 64)
		u.memory = pages * uint64(os.Getpagesize())
	}
	return u, nil
}

// hostUsage is the CPU time that everything on this host has used; 0 if it
// cannot be read.
func hostUsage() time.Duration {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	return busyTime(stat)
}

// busyTime reads the first line of /proc/stat: cpu user nice system idle iowait
// irq softirq steal. Steal, what other guests of this machine used, counts too.
func busyTime(stat []byte) (d time.Duration) {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	for i, text := range strings.Fields(string(line)) {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && i <= 8 && i != 4 && i != 5 {
			d += time.Duration(n) * clockTick
		}
	}
	return d
}

// isLocal tells whether an address is this host's.
func isLocal(a netip.Addr) bool {
	if a.IsLoopback() {
		return true
	}
	nets, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(nets, func(n net.Addr) bool {
		p, err := netip.ParsePrefix(n.String())
		return err == nil && p.Addr() == a
	})
}
