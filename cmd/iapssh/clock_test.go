package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		c := startClock(10 * time.Second)
		ctx, cancel := c.bound(t.Context())
		defer cancel()
		time.Sleep(4 * time.Second)
		c.pause()
		c.pause()
		time.Sleep(time.Minute)
		c.resume()
		c.resume()
		<-ctx.Done()
		if took := time.Since(start); took != 70*time.Second || context.Cause(ctx) != context.DeadlineExceeded {
			t.Errorf("ended after %v, %v", took, context.Cause(ctx))
		}
		if began := c.begin(); began != start.Add(time.Minute) {
			t.Errorf("began %v after the start", began.Sub(start))
		}
	})
}

func TestClockWithoutLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := startClock(0)
		ctx, cancel := c.bound(t.Context())
		c.pause()
		time.Sleep(24 * time.Hour)
		c.resume()
		if ctx.Err() != nil {
			t.Error("it ended")
		}
		cancel()
	})
}
