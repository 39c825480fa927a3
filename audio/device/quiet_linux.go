package device

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void alsa_says(const char *file, int line, const char *function, int err, const char *fmt, ...) {}
static void jack_says(const char *message) {}

// Looked up in the process, where PortAudio has loaded them: nothing is linked that a system may not have.
static void quiet_libraries(void) {
	void (*alsa)(void *) = dlsym(RTLD_DEFAULT, "snd_lib_error_set_handler");
	if (alsa != NULL) alsa(alsa_says);
	const char *names[] = {"jack_set_error_function", "jack_set_info_function"};
	for (int i = 0; i < 2; i++) {
		void (*jack)(void *) = dlsym(RTLD_DEFAULT, names[i]);
		if (jack != NULL) jack(jack_says);
	}
}

#ifdef __GLIBC__
// The two checks behind which PortAudio's thread goes round for ever, before June 2025 (its issue 1037): each failure
// is told, and checked again. No lock is held there. After so many rounds nothing gets better any more.
static const char *loops[] = {"self->capture.ready || self->playback.ready", "PaAlsaStream_HandleXrun( self )"};
enum { most_rounds = 10 };
static __thread int rounds;

static ssize_t listen_to_portaudio(void *cookie, const char *text, size_t size) {
	for (int i = 0; i < 2; i++) {
		if (memmem(text, size, loops[i], strlen(loops[i])) != NULL && ++rounds >= most_rounds) pthread_exit(PTHREAD_CANCELED);
	}
	return size;
}
#endif

// PortAudio itself has no such function in its public interface. glibc's stderr is a variable.
static void quiet_portaudio(void) {
#ifdef __GLIBC__
	FILE *listener = fopencookie(NULL, "w", (cookie_io_functions_t){.write = listen_to_portaudio});
	if (listener == NULL) return;
	setvbuf(listener, NULL, _IOLBF, BUFSIZ);
	stderr = listener;
#endif
}
*/
import "C"

import "sync"

var quietOnce sync.Once

// quiet keeps the sound system from printing on standard error what it tries in vain, dozens of lines when devices are
// listed and more in the middle of a call; what fails of it comes as an error. ALSA and JACK take a function to call
// instead (snd_lib_error_set_handler, jack_set_error_function). For PortAudio's own lines the C library's stderr
// leads nowhere from then on; file descriptor 2, where Go and its panics write, stays as it is.
//
// One thing is read in these lines: that the thread of a stream goes round for ever, as it does when PipeWire restarts,
// with a core of its own and deaf to being stopped. It ends itself there, so that the stream can be closed.
//
// It is called before and after PortAudio starts, which sets some of these functions itself.
func quiet() {
	quietOnce.Do(func() { C.quiet_portaudio() })
	C.quiet_libraries()
}
