package main

import (
	"context"
	"runtime/metrics"
	"slices"
	"strings"
	"time"
)

// What is alive in a server is a few megabytes, whatever the number of tokens. To collect whenever as much garbage as that has piled up, as Go
// does by default, would happen dozens of times a second and take a tenth of the processors. So garbage gets room by its amount and not as
// a multiple: a server with thousands of connections, in which more is alive, does not take a multiple of that.
const (
	roomForGarbage = 96 << 20
	leastPercent   = 100 // Go's default: as much garbage as is alive
	mostPercent    = 800
	lookAgain      = time.Second
)

// giveRoom keeps the collector's goal right until ctx ends. GOGC says otherwise.
func giveRoom(ctx context.Context, environ []string, alive func() uint64, set func(percent int) int) error {
	if slices.ContainsFunc(environ, func(e string) bool { return strings.HasPrefix(e, "GOGC=") }) {
		return nil
	}
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for last := 0; ; {
		// To set it stops the program for a moment, so between the bounds it is left alone while it is about right.
		percent := percentFor(alive())
		if atBound := percent == leastPercent || percent == mostPercent; percent != last && (atBound || max(percent, last) > min(percent, last)*5/4) {
			set(percent)
			last = percent
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func percentFor(alive uint64) int {
	return int(min(max(roomForGarbage*100/max(alive, 1), leastPercent), mostPercent))
}

// aliveNow is what the collector found alive when it last ran, and what it counts as that.
func aliveNow() uint64 {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(samples)
	sum := uint64(0)
	for _, s := range samples {
		sum += s.Value.Uint64()
	}
	return sum
}
