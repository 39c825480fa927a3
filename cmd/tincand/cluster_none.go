//go:build nocluster

package main

import (
	"log/slog"

	"github.com/tincan-voice/tincan/relay"
)

// clusterFlags are those of a relay that is always alone: none.
type clusterFlags struct{}

// noBus is what there is in the place of NATS.
type noBus struct{}

// Close does nothing.
func (*noBus) Close() {}

func (clusterFlags) cluster(*slog.Logger) (*relay.Cluster, *noBus, error) { return nil, nil, nil }

func (clusterFlags) options() (*relay.Cluster, struct{}, error) { return nil, struct{}{}, nil }
