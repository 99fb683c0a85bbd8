package main

import (
	"context"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestGarbageGetsRoomByItsAmount(t *testing.T) {
	for alive, want := range map[uint64]int{0: 800, 5 << 20: 800, 10 << 20: 800, 16 << 20: 600, 48 << 20: 200, 96 << 20: 100, 4 << 30: 100} {
		if got := percentFor(alive); got != want {
			t.Errorf("%d MB alive: %d percent, want %d", alive>>20, got, want)
		}
	}
}

func TestTheCollectorIsToldWhenMoreOrLessIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []int
		var alive atomic.Uint64
		alive.Store(8 << 20)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			ended <- giveRoom(ctx, nil, alive.Load, func(percent int) int { told = append(told, percent); return 0 })
		}()
		for _, mb := range []uint64{9, 12, 48, 52, 80, 200, 8} {
			time.Sleep(lookAgain + time.Millisecond)
			alive.Store(mb << 20)
		}
		time.Sleep(lookAgain)
		stop()
		if err := <-ended; err != nil || !slices.Equal(told, []int{800, 200, 120, 100, 800}) {
			t.Errorf("told %v, %v", told, err)
		}
	})
}

func TestGOGCIsLeftAlone(t *testing.T) {
	err := giveRoom(t.Context(), []string{"GOGC=50"}, aliveNow, func(int) int { t.Error("it was set"); return 0 })
	if err != nil {
		t.Error(err)
	}
}

func TestWhatIsAliveIsKnown(t *testing.T) {
	held := make([]byte, 64<<20)
	debug.FreeOSMemory() // collects
	if got := aliveNow(); got < 64<<20 || got > 1<<30 {
		t.Errorf("%d bytes alive", got)
	}
	held[0] = 1
}
