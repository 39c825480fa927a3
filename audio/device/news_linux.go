package device

import (
	"bytes"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// settles is how long no word on sound devices must have come until they are all there: a headset has a card, and two
// devices and a mixer on it, of which each is told.
const settles = 200 * time.Millisecond

// udevGroup is that of the words of udev, which come when it has set who may open a device. (libudev-monitor.c:
// UDEV_MONITOR_UDEV)
const udevGroup = 2

// news is the words of udev on devices (netlink, NETLINK_KOBJECT_UEVENT).
type news struct {
	*os.File
	buf [8192]byte // what is longer is cut off
}

// openNews begins to listen.
func openNews() (*news, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: udevGroup}); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &news{File: os.NewFile(uintptr(fd), "uevents")}, nil
}

// wait returns true when sound devices have come or gone, and false when it was closed.
func (n *news) wait() bool {
	_ = n.SetReadDeadline(time.Time{})
	if !n.word() {
		return false
	}
	for {
		_ = n.SetReadDeadline(time.Now().Add(settles))
		if !n.word() {
			return true // and if it was closed, the next call says so
		}
	}
}

// word waits for one about sound devices, and returns false when there is none in time.
func (n *news) word() bool {
	for {
		size, err := n.Read(n.buf[:])
		switch {
		case errors.Is(err, unix.ENOBUFS): // some were lost
			return true
		case err != nil:
			return false
		case aboutSound(n.buf[:size]):
			return true
		}
	}
}

// aboutSound tells whether a word is about sound: lines that end in zero bytes.
func aboutSound(word []byte) bool { return bytes.Contains(word, []byte("\x00SUBSYSTEM=sound\x00")) }
