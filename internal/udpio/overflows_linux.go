package udpio

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// Overflows is how many datagrams the kernel has dropped at the UDP sockets of that port, above all because they were
// full. It is read from /proc/net/udp and udp6 (proc(5)), whose last column it is; without them it is 0.
func Overflows(port uint16) (n uint64) {
	for _, file := range []string{"/proc/self/net/udp", "/proc/self/net/udp6"} {
		f, err := os.Open(file)
		if err != nil {
			continue
		}
		for scan := bufio.NewScanner(f); scan.Scan(); {
			fields := strings.Fields(scan.Text())
			if len(fields) < 13 {
				continue
			}
			_, at, _ := strings.Cut(fields[1], ":")
			if p, err := strconv.ParseUint(at, 16, 16); err != nil || uint16(p) != port {
				continue
			}
			drops, _ := strconv.ParseUint(fields[len(fields)-1], 10, 64)
			n += drops
		}
		_ = f.Close()
	}
	return n
}
