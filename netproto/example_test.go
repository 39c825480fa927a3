package netproto_test

import (
	"errors"
	"fmt"

	"github.com/tincan-voice/tincan/netproto"
)

// Control packages follow each other on a stream, and a read may hold several or half of one.
func ExampleDecoder() {
	var d netproto.Decoder
	d.Write([]byte(`{"KEY": 2, "NAME": "Ann", "ROOM": "tea"}{"KEY": 7, "PO`))
	for {
		p, err := d.Next()
		if errors.Is(err, netproto.ErrNeedMore) {
			break
		}
		fmt.Printf("%+v %v\n", p, err)
	}
	d.Write([]byte(`RT": 5004}`))
	fmt.Println(d.Next())
	// Output:
	// {Name:Ann Voice:0 Room:tea Token: Resume: Proof:[] Cap:0 Fresh:[] Attempt:[]} <nil>
	// {5004 [] false} <nil>
}

// A datagram is sealed with the talker's key; whoever has the room secret opens it.
func ExampleSealer() {
	key := netproto.NewSealer(netproto.VoiceKey(netproto.RoomSecret{1}, 7, 0))
	body, _ := netproto.AppendFrames(nil, 1, []netproto.Frame{{Number: 1, Data: []byte("opus")}})
	d := key.Seal(nil, netproto.Header{Type: netproto.TypeVoice, Session: 7, Seq: 1, Level: 20, Voice: true}, body)
	opened, err := key.Open(nil, d)
	frames, _ := netproto.ParseFrames(nil, 1, opened)
	fmt.Printf("%d bytes, %q, %v\n", len(d), frames[0].Data, err)
	d[len(d)-1] ^= 1
	_, err = key.Open(nil, d)
	fmt.Println(errors.Is(err, netproto.ErrAuth))
	// Output:
	// 27 bytes, "opus", <nil>
	// true
}
