//go:build !web

package web

import "io/fs"

// Files are the page, as package site serves it. nil: this program was built without it.
var Files fs.FS
