// Package looping is PortAudio's thread in a loop, for tests: it does what the issue 1037 of PortAudio describes.
package looping

/*
#cgo LDFLAGS: -lpthread
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

// As in pa_linux_alsa.c, PaAlsaStream_WaitForFrames: not to be cancelled, and a check that fails for ever.
static void *loop(void *line) {
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	for (int i = 0; i < 1000 * 1000; i++) {
		fprintf(stderr, "Expression '%s' failed in 'pa_linux_alsa.c', line: 3958\n", (const char *)line);
		fflush(stderr);
	}
	return NULL;
}

static int cancelled(const char *line) {
	pthread_t thread;
	void *result = NULL;
	if (pthread_create(&thread, NULL, loop, (void *)line) != 0) return 0;
	pthread_cancel(thread);
	pthread_join(thread, &result);
	return result == PTHREAD_CANCELED;
}
*/
import "C"

import "unsafe"

// Ends tells whether a thread that says for ever, a million times, that a check has failed is ended, as PortAudio tries
// to end it.
func Ends(check string) bool {
	line := C.CString(check)
	defer C.free(unsafe.Pointer(line))
	return C.cancelled(line) != 0
}
