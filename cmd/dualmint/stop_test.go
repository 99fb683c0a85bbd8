package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A request that does not end keeps the process for the grace and no longer, and the stop says so.
func TestGraceEndsWhatDoesNotEnd(t *testing.T) {
	begun, never := make(chan struct{}), make(chan struct{})
	defer close(never)
	d := &door{handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(begun)
		<-never
	})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: d, ConnState: d.count}
	served := make(chan error, 1)
	go func() { served <- d.serve(server, listener) }()
	go func() {
		resp, err := http.Get("http://" + listener.Addr().String())
		if err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-begun
	grace, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := d.close(grace, server, listener); err == nil || !strings.Contains(err.Error(), "still under way") {
		t.Errorf("stop with a request that does not end: %v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("serve ended with %v", err)
	}
}

// A listener that breaks ends the server with an error, so that the process does not live on deaf.
func TestBrokenListenerIsAnError(t *testing.T) {
	d := &door{handler: http.NotFoundHandler()}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: d}
	if err := d.serve(server, listener); err == nil {
		t.Error("serve on a broken listener ends well")
	}
	if err := d.close(t.Context(), server, listener); err != nil {
		t.Errorf("the stop afterwards: %v", err)
	}
}
