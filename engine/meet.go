package engine

import "context"

// Meet connects to the relay of a Config, makes sure as Join does that it is the one that was met before, remembers it, and
// leaves without a word. It returns the fingerprint of its certificate and why it is trusted. Only Address, KnownRelays and
// Fingerprint of the Config count. ctx bounds it, and so do 10 s.
func Meet(ctx context.Context, cfg Config) (fingerprint string, trust Trust, err error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	if err := cfg.checkRelay(); err != nil {
		return "", TrustNone, err
	}
	d, err := newDialer(ctx, cfg)
	if err != nil {
		return "", TrustNone, err
	}
	defer d.close()
	ctl, err := d.dial(ctx)
	if err != nil {
		return "", TrustNone, err
	}
	ctl.raw.Close()
	return ctl.relay.fingerprint, ctl.trust, nil
}
