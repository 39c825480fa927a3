// Package screen is the full-screen client: a form that asks for the relay, and the call. Model holds all of its state
// and is the same for the same messages: what it does to the world goes through Call and Config, and the time comes with
// the messages. Run is the shell around it, with a terminal.
//
//	keys, events, figures ──> Model.Update ──> Model.View ──> terminal
//	                               └──> Call, Config
//
// What comes from others (names, reasons) passes through clean before it is shown: no control character of theirs
// reaches the terminal. All signs but names are ASCII, as terminals disagree on how wide others are.
package screen
