//go:build cgo && webrtc

#include "apm.h"

#include <webrtc/modules/audio_processing/include/audio_processing.h>

using webrtc::AudioProcessing;
using webrtc::StreamConfig;

struct apm {
  AudioProcessing *processing;
  StreamConfig mono;
};

apm *apm_new(int echo, int noise) {
  webrtc::Config config;
  config.Set<webrtc::ExtendedFilter>(new webrtc::ExtendedFilter(true));
  AudioProcessing *p = AudioProcessing::Create(config);
  if (p == nullptr) return nullptr;
  apm *a = new apm{p, StreamConfig(48000, 1)};
  const webrtc::ProcessingConfig mono = {{a->mono, a->mono, a->mono, a->mono}};
  const bool failed = p->Initialize(mono) != 0 || p->high_pass_filter()->Enable(true) != 0 ||
                      p->echo_cancellation()->Enable(echo != 0) != 0 ||
                      p->noise_suppression()->Enable(noise != 0) != 0 ||
                      p->noise_suppression()->set_level(webrtc::NoiseSuppression::kHigh) != 0;
  if (failed) {
    apm_free(a);
    return nullptr;
  }
  apm_gentle(a, 0);
  return a;
}

void apm_gentle(apm *a, int gentle) {
  a->processing->echo_cancellation()->set_suppression_level(gentle != 0 ? webrtc::EchoCancellation::kLowSuppression
                                                                        : webrtc::EchoCancellation::kHighSuppression);
}

void apm_free(apm *a) {
  delete a->processing;
  delete a;
}

void apm_played(apm *a, float *pcm) { a->processing->ProcessReverseStream(&pcm, a->mono, a->mono, &pcm); }

int apm_clean(apm *a, float *pcm, int delay_ms) {
  a->processing->set_stream_delay_ms(delay_ms);  // what is out of range it bounds itself
  return a->processing->ProcessStream(&pcm, a->mono, a->mono, &pcm);
}
