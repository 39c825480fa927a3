package device

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

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

// PortAudio itself has no such function in its public interface. glibc's stderr is a variable.
static void quiet_portaudio(void) {
#ifdef __GLIBC__
	FILE *nowhere = fopen("/dev/null", "we");
	if (nowhere != NULL) stderr = nowhere;
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
// It is called before and after PortAudio starts, which sets some of these functions itself.
func quiet() {
	quietOnce.Do(func() { C.quiet_portaudio() })
	C.quiet_libraries()
}
