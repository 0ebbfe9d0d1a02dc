package main

import (
	"bufio"
	"context"
	enc "encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
)

// screen is a display of its own, on which nothing else is.
type screen struct {
	display string
	server  *exec.Cmd
	conn    net.Conn
	root    uint32
}

const screenWidth, screenHeight = 1024, 768

// openScreen starts Xvfb.
func openScreen(ctx context.Context) (s *screen, err error) {
	told, tell, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer told.Close()
	s = &screen{server: exec.CommandContext(ctx, "Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", screenWidth, screenHeight), "-nolisten", "tcp")}
	s.server.ExtraFiles = []*os.File{tell}
	err = s.server.Start()
	tell.Close()
	if err != nil {
		return nil, fmt.Errorf("starting a display: %w", err)
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	number, err := bufio.NewReader(told).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("Xvfb says no display: %w", err)
	}
	s.display = ":" + strings.TrimSpace(number)
	if s.conn, err = net.Dial("unix", "/tmp/.X11-unix/X"+s.display[1:]); err != nil {
		return nil, err
	}
	return s, s.greet()
}

func (s *screen) close() error {
	if s.conn != nil {
		s.conn.Close()
	}
	s.server.Process.Kill()
	s.server.Wait() // says that it was killed
	return nil
}

// greet sets the connection up, and finds the root window (X Window System
// Protocol, section 8).
func (s *screen) greet() error {
	le := enc.LittleEndian
	hello := []byte{'l', 0}
	for _, v := range []uint16{11, 0, 0, 0, 0} { // version 11.0, no authorization
		hello = le.AppendUint16(hello, v)
	}
	if _, err := s.conn.Write(hello); err != nil {
		return err
	}
	head := make([]byte, 8)
	if _, err := io.ReadFull(s.conn, head); err != nil {
		return err
	}
	if head[0] != 1 {
		return errors.New("the display refuses us")
	}
	rest := make([]byte, 4*int(le.Uint16(head[6:])))
	if _, err := io.ReadFull(s.conn, rest); err != nil {
		return err
	}
	vendor, formats := int(le.Uint16(rest[16:])), int(rest[21])
	screens := 32 + (vendor+3)/4*4 + 8*formats
	s.root = le.Uint32(rest[screens:])
	return nil
}

// painted reports whether there is anything but black on the display (GetImage).
func (s *screen) painted() (bool, error) {
	le := enc.LittleEndian
	req := []byte{73, 2} // ZPixmap
	req = le.AppendUint16(req, 5)
	req = le.AppendUint32(req, s.root)
	for _, v := range []uint16{0, 0, screenWidth, screenHeight} {
		req = le.AppendUint16(req, v)
	}
	req = le.AppendUint32(req, 1<<32-1)
	if _, err := s.conn.Write(req); err != nil {
		return false, err
	}
	head := make([]byte, 32)
	if _, err := io.ReadFull(s.conn, head); err != nil {
		return false, err
	}
	if head[0] != 1 {
		return false, fmt.Errorf("the display answers with error %d", head[1])
	}
	pixels := make([]byte, 4*int(le.Uint32(head[4:])))
	if _, err := io.ReadFull(s.conn, pixels); err != nil {
		return false, err
	}
	for i := 0; i+4 <= len(pixels); i += 4 {
		if le.Uint32(pixels[i:])&0xffffff != 0 {
			return true, nil
		}
	}
	return false, nil
}
