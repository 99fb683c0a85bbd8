package main

import (
	"math/bits"
	"time"
)

// histogram counts latencies in buckets that are at most 1/64 wide of what they hold, from 1 ns to over an hour, as HDR histograms do.
type histogram struct {
	count  [40 * subBuckets]uint32
	number int64
}

const (
	subBuckets = 1 << subBits
	subBits    = 6
)

func bucketOf(d time.Duration) int {
	n := uint64(max(d, 0))
	if n < subBuckets {
		return int(n)
	}
	shift := bits.Len64(n) - subBits - 1
	return min((shift+1)*subBuckets+int(n>>shift)-subBuckets, len(histogram{}.count)-1) //nolint:gosec // G115: less than 128
}

// topOf is the longest latency of a bucket.
func topOf(bucket int) time.Duration {
	if bucket < subBuckets {
		return time.Duration(bucket)
	}
	shift := bucket/subBuckets - 1
	return time.Duration((bucket%subBuckets+subBuckets+1)<<shift - 1)
}

func (h *histogram) add(d time.Duration) {
	h.count[bucketOf(d)]++
	h.number++
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other.count {
		h.count[i] += n
	}
	h.number += other.number
}

// quantile is the latency that the share q of all did not exceed.
func (h *histogram) quantile(q float64) time.Duration {
	want := int64(q*float64(h.number-1)) + 1
	for i, n := range h.count {
		if want -= int64(n); want <= 0 && h.number > 0 {
			return topOf(i)
		}
	}
	return 0
}
