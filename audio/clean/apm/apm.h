// The few calls of WebRTC's audio processing that package apm needs, as C has them.
#ifdef __cplusplus
extern "C" {
#endif

typedef struct apm apm;

apm *apm_new(int echo, int noise);                     // NULL: it cannot be had
void apm_gentle(apm *a, int gentle);                  // how much is taken out besides the echo
void apm_free(apm *a);
void apm_played(apm *a, float *pcm);                   // 10 ms at 48 kHz
int apm_clean(apm *a, float *pcm, int delay_ms);       // the same, in place; 0: done

#ifdef __cplusplus
}
#endif
