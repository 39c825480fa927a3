//go:build js && wasm

// Command client is tincan in a browser: engine.Call in WebAssembly, with Opus in Go, in a worker of the page. It has
// the ladder, repair, keys, resume and tunnel that every other client has; what a browser does otherwise is here:
//
//	page (app.js) ── JSON ──> worker.js ──> client ──> engine.Call
//	     <── JSON, ten times a second ──┘      ├── transport.js: WebSocket for packages and tunnel, WebTransport for datagrams
//	audio thread (worklet.js) <── samples ─────┘
//
// The thread of the page takes no part in the sound: worklet and worker have a port of their own.
package main

import (
	"encoding/json"
	"syscall/js"
)

func main() {
	c := &client{commands: make(chan command, 64)}
	take := func(_ js.Value, args []js.Value) any {
		var cmd command
		if err := json.Unmarshal([]byte(args[0].String()), &cmd); err != nil {
			return err.Error()
		}
		select {
		case c.commands <- cmd:
		default: // the page is broken: nobody clicks so fast
		}
		return nil
	}
	host := js.Global().Get("tincan")
	host.Set("command", js.FuncOf(take))
	host.Set("captured", js.FuncOf(c.captured))
	host.Call("ready")
	c.run(host)
}
