package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/gin-gonic/gin"
)

const echoArgument = "echo"

// echo is what a JSON API in gin costs by itself: read a body, write it back. It prints its address and serves until it is stopped.
func echo(out io.Writer) error {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.POST("/echo", func(c *gin.Context) {
		var body struct {
			Token string `json:"token"`
		}
		if err := c.ShouldBindJSON(&body); err != nil {
			c.Status(http.StatusBadRequest)
			return
		}
		c.JSON(http.StatusOK, body)
	})
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, l.Addr()); err != nil {
		return err
	}
	return http.Serve(l, e) //nolint:gosec // G114: time limits would cost something, and this one is to cost nothing
}
