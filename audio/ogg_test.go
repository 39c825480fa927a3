package audio_test

import (
	"encoding/binary"
	"hash/crc32"
	"math/bits"
)

// oggPage frames packets of under 255 bytes as one page (RFC 3533 section 6) of the stream with serial number 1.
func oggPage(flags byte, granule int64, sequence uint32, packets ...[]byte) []byte {
	le := binary.LittleEndian
	page := []byte{'O', 'g', 'g', 'S', 0, flags}
	page = le.AppendUint64(page, uint64(granule))
	page = le.AppendUint32(page, 1) // serial
	page = le.AppendUint32(page, sequence)
	page = le.AppendUint32(page, 0) // checksum
	page = append(page, byte(len(packets)))
	for _, p := range packets {
		page = append(page, byte(len(p)))
	}
	for _, p := range packets {
		page = append(page, p...)
	}
	le.PutUint32(page[22:], oggChecksum(page))
	return page
}

// oggChecksum is CRC-32 with the polynomial 0x04c11db7, most significant bit first and nothing
// inverted: the mirror image of the usual one.
func oggChecksum(page []byte) uint32 {
	mirrored := make([]byte, len(page))
	for i, b := range page {
		mirrored[i] = bits.Reverse8(b)
	}
	return bits.Reverse32(^crc32.Update(^uint32(0), crc32.IEEETable, mirrored))
}
