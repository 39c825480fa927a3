// Package quality estimates how good speech sounds, by published methods only; what delay does to a
// conversation is the business of package emodel:
//
//	ESTOI   intelligibility, 0..1   Jensen & Taal, "An Algorithm for Predicting the
//	                                Intelligibility of Speech Masked by Modulated Noise
//	                                Maskers", IEEE/ACM TASLP 24(11), 2016
//	NSIM    similarity of what the  Hines & Harte, Speech Communication 54(2), 2012; Hines,
//	        ear sees, 0..1          Skoglund, Kokaram & Harte, "ViSQOL: an objective speech
//	                                quality model", EURASIP JASM 2015:13
//
// ESTOI and NSIM compare what was heard with what was said. A jitter buffer stretches time,
// which listeners hardly notice and spectrograms compared in step notice very much, so both take
// an Alignment first and look at each piece of what was heard beside the piece of speech
// it came from:
//
//	said     a b c d e f g h             Alignment: a line through (heard, said);
//	heard    . . a b b' c d g h          flat where b' was put in (b is compared with b and b'),
//	                                     steep where e and f were dropped (compared with d)
package quality

// SampleRate is the rate in Hz of all speech passed in.
const SampleRate = 48000
