// Package access decides who may come in: tokens that the operator gives out, and bans and mutes. It reads no clock and no
// file.
package access
