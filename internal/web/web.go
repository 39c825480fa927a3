// Package web has the page that a relay shows to browsers: a client of tincan with nothing to install. Its sources are
// in page, `make web` builds what is served into dist, and `-tags web` embeds that.
package web
