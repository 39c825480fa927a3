package netproto

// AppendBundle appends one more datagram to the bundle dst; an empty dst
// starts a bundle. Errors are ErrMalformed for an item that is empty or itself
// a bundle and ErrTooLarge when the bundle would exceed MaxDatagram; then dst
// is returned as it came: send it and start the next one.
func AppendBundle(dst, datagram []byte) ([]byte, error) {
	t, err := DatagramType(datagram)
	if err != nil || t == TypeBundle {
		return dst, ErrMalformed
	}
	size := max(len(dst), 1) + 1 + len(datagram)
	if len(datagram) >= 252 {
		size++
	}
	if size > MaxDatagram {
		return dst, ErrTooLarge
	}
	if len(dst) == 0 {
		dst = append(dst, Version<<6|byte(TypeBundle))
	}
	return append(appendLength(dst, len(datagram)), datagram...), nil
}

// ParseBundle appends the datagrams of a bundle to dst. They alias d. On an
// error dst is returned as it came: ErrShort, ErrVersion, ErrType (no bundle,
// or one inside the other) or ErrMalformed.
func ParseBundle(dst [][]byte, d []byte) ([][]byte, error) {
	start := len(dst)
	t, err := DatagramType(d)
	if err != nil {
		return dst, err
	}
	if t != TypeBundle {
		return dst, ErrType
	}
	for rest := d[1:]; len(rest) > 0; {
		n, items, ok := parseLength(rest)
		if !ok || n == 0 || n > len(items) {
			return dst[:start], ErrMalformed
		}
		item := items[:n:n]
		if t, err := DatagramType(item); err != nil {
			return dst[:start], err
		} else if t == TypeBundle {
			return dst[:start], ErrType
		}
		dst = append(dst, item)
		rest = items[n:]
	}
	if len(dst) == start {
		return dst, ErrMalformed
	}
	return dst, nil
}
